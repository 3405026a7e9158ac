import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { until } from "../../infra/lib/until.ts";
import { populateLetta } from "./letta-agents.ts";
import type { OldImages } from "./plain-letta.ts";
import { presentImage, type TestProject } from "./stacks.ts";

/** An installation as upstream's compose files leave it, with the names that a project's stacks will want, and their ports. */
export interface OldInstallation {
  readonly volume: string;
  readonly network: string;
  readonly containers: { readonly postgres: string; readonly server: string; readonly thoth: string };
  /** A container of another application on Letta's network. */
  readonly client: string;
  readonly endpoint: LettaEndpoint;
  /** The ids of its agents. */
  readonly agents: readonly string[];
  /** Every file of Postgres' volume with its size and time. */
  readonly files: () => Promise<string>;
}

const compose = ["--label", "com.docker.compose.project=project-thoth"];

/** Makes it, running, with two agents that the real server made. */
export async function startOldInstallation(
  project: TestProject,
  images: OldImages & { thoth: string },
  modelPort: number,
): Promise<OldInstallation> {
  const { letta, thoth, vault, folder } = project;
  const ports = project.configured<{ postgres: number; server: number }>(letta, "ports");
  const network = `${letta}-network`;
  const subnet = project.configured<string>(letta, "subnet");
  const volume = `${letta}-postgres`;
  const containers = { postgres: `${letta}-postgres`, server: `${letta}-server`, thoth: `${thoth}-api` };
  const client = `${letta}-client`;
  await dockerOutput(["network", "create", ...compose, "--subnet", subnet, network]);
  for (const name of ["postgres", "home", "data"])
    await dockerOutput([
      "volume",
      "create",
      ...compose,
      "--label",
      `com.docker.compose.volume=${name}`,
      `${letta}-${name}`,
    ]);
  const run = (name: string, options: readonly string[], image: string, command: readonly string[] = []) =>
    dockerOutput([
      ...["run", "--detach", "--restart", "unless-stopped", "--name", name, ...compose, "--network", network],
      ...[...options, image, ...command],
    ]);
  const logins = ["USER", "PASSWORD", "DB"].flatMap((name) => ["--env", `POSTGRES_${name}=letta`]);
  const data = ["--shm-size", "256m", "--volume", `${volume}:/var/lib/postgresql/data`];
  const published = (port: number, inner: number) => ["--publish", `127.0.0.1:${port}:${inner}`];
  const alias = ["--network-alias", "letta-postgres"];
  await run(containers.postgres, [...data, ...logins, ...alias, ...published(ports.postgres, 5432)], images.postgres);
  const isReady = ["exec", containers.postgres, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "letta"];
  await untilReady(async () => (await docker(isReady)).exitCode === 0);
  await sql(containers.postgres, "create extension vector; create role thoth login password 'thoth'");
  await sql(containers.postgres, "create database thoth owner thoth");
  await sql(containers.postgres, thothTables, "thoth");
  const variables = [
    ...["LETTA_PG_URI=postgresql://letta:letta@letta-postgres:5432/letta", "LETTA_SERVER_PASSWORD=old"],
    ...["LETTA_PG_POOL_SIZE=20", "LETTA_SERVER_CORS_ORIGINS=https://notes.example.org", "OPENAI_API_KEY=sk-old-key"],
    ...[`OPENAI_BASE_URL=http://host.docker.internal:${modelPort}/v1`, "GROQ_API_KEY="],
  ].flatMap((pair) => ["--env", pair]);
  const entry = ["--network", network, ...variables, "--entrypoint", "alembic", images.letta, "upgrade", "head"];
  await dockerOutput(["run", "--rm", ...entry]);
  const homes = ["--volume", `${letta}-home:/letta`, "--volume", `${letta}-data:/letta/.persist`];
  const host = ["--add-host", "host.docker.internal:host-gateway"];
  const command = ["letta", "server", "--host", "0.0.0.0", "--secure"];
  await run(
    containers.server,
    [...variables, ...homes, ...host, ...published(ports.server, 8283)],
    images.letta,
    command,
  );
  writeFileSync(join(folder, ".env"), `DATABASE_URL=postgresql://elsewhere\nOPENROUTER_API_KEY=sk-old-router\n`);
  mkdirSync(join(vault, "thoth"), { recursive: true });
  // What it does does not matter, since only its settings are taken.
  const idle = ["--init", "--entrypoint", "sleep"];
  const working = ["--label", `com.docker.compose.project.working_dir=${folder}`, "--volume", `${vault}:/vault`];
  for (const name of [containers.thoth, `${thoth}-mcp`, `${thoth}-discovery`, `${thoth}-monitor`])
    await run(name, [...working, ...idle], images.thoth, ["infinity"]);
  await run(client, ["--network-alias", "notes", ...idle], presentImage("redis"), ["infinity"]);
  const endpoint = { url: `http://127.0.0.1:${ports.server}`, password: "old" };
  await untilReady(async () => (await fetch(`${endpoint.url}/v1/health/`)).ok);
  const agents = await populateLetta(endpoint, modelPort, 2);
  const find = ["find", images.postgres, "/old", "-printf", "%p %s %T@\n"];
  const files = () => dockerOutput(["run", "--rm", "-v", `${volume}:/old:ro`, "--entrypoint", ...find]);
  return { volume, network, containers, client, endpoint, agents, files };
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
