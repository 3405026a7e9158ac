import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { until } from "../../scripts/lib/until.ts";
import { freePorts } from "./free-places.ts";
import { populateLetta } from "./letta-agents.ts";

/** Images of an installation as upstream's compose file makes one. */
export interface OldImages {
  readonly postgres: string;
  readonly letta: string;
}

/**
 * Makes a volume as upstream's compose file leaves one: a cluster at its root, whose superuser is `letta`, with Letta's
 * database, and one of Thoth. Agents in it are made by the real server; nothing runs when this returns.
 *
 * @returns the ids of the agents
 */
export async function oldInstallation(volume: string, images: OldImages, modelPort: number): Promise<string[]> {
  const [port] = (await freePorts(1)) as [number];
  const [postgres, letta] = [`${volume}-old`, `${volume}-old-letta`];
  const uri = "postgresql://letta:letta@127.0.0.1:5432/letta";
  try {
    await dockerOutput([
      ...["run", "--detach", "--name", postgres, "--publish", `127.0.0.1:${port}:8283`, "--shm-size", "256m"],
      ...["--add-host", "host.docker.internal:host-gateway", "--volume", `${volume}:/var/lib/postgresql/data`],
      ...["USER", "PASSWORD", "DB"].flatMap((name) => ["--env", `POSTGRES_${name}=letta`]),
      images.postgres,
    ]);
    const probe = ["exec", postgres, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "letta"];
    await untilReady(async () => (await docker(probe)).exitCode === 0);
    await sql(postgres, "create extension vector; create role thoth login password 'thoth'");
    await sql(postgres, "create database thoth owner thoth");
    await sql(postgres, thothTables, "thoth");
    const env = ["--env", `LETTA_PG_URI=${uri}`, "--env", "LETTA_SERVER_PASSWORD=old"];
    const run = ["run", "--network", `container:${postgres}`, ...env];
    await dockerOutput([...run, "--rm", "--entrypoint", "alembic", images.letta, "upgrade", "head"]);
    const server = ["letta", "server", "--host", "0.0.0.0", "--secure"];
    await dockerOutput([...run, "--detach", "--name", letta, images.letta, ...server]);
    const endpoint: LettaEndpoint = { url: `http://127.0.0.1:${port}`, password: "old" };
    await untilReady(async () => (await fetch(`${endpoint.url}/v1/health/`)).ok);
    return await populateLetta(endpoint, modelPort, 2);
  } finally {
    await docker(["stop", letta, postgres]);
    await docker(["rm", "--force", letta, postgres]);
  }
}

/** With the extension in a schema other than public, as upstream's compose file has it for Letta. */
const thothTables = `
create schema own authorization thoth;
alter database thoth set search_path = own, public;
set search_path = own, public;
create extension vector schema own;
create table papers (id bigserial primary key, title text not null, embedding vector(3));
insert into papers (title, embedding) select 'paper ' || n, '[1,2,3]' from generate_series(1, 50) n;
alter table papers owner to thoth`;

async function sql(container: string, text: string, database = "letta"): Promise<void> {
  const psql = ["psql", "-U", "letta", "-d", database, "-v", "ON_ERROR_STOP=1", "-q"];
  await dockerOutput(["exec", "-i", container, ...psql], { input: text });
}

function untilReady(isReady: () => Promise<boolean>): Promise<boolean> {
  const problem = () => new Error("the old installation does not come up");
  return until(() => isReady().catch(() => false), { seconds: 600, problem });
}
