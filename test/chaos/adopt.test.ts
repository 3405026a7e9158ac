import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { imageReference } from "../../infra/lib/images.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { until } from "../../infra/lib/until.ts";
import { requireImage } from "../../scripts/images/version.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { realDeps } from "../../scripts/lib/deps.ts";
import { say } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { freePorts } from "../support/free-places.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

/** Postgres 15, as upstream's compose file has it; built here, which takes minutes the first time. */
const oldPostgres = "thoth-letta/test-postgres:15";

let project: TestProject;
let model: ScriptedModel;
let endpoint: LettaEndpoint;
let volume: string;
let oldAgents: string[];
let ownAgents: string[];

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  project = await ownProject({ letta: { images: "local" } });
  volume = `${project.letta}-old`;
  const built = await docker(["image", "inspect", oldPostgres]);
  if (built.exitCode !== 0) await realDeps().$`${join(root, "test/support/postgres-15/build.sh")} ${oldPostgres}`;
  await requireImage({ ...realDeps(), projectDirectory: project.folder }, project.letta, "letta", "0.16.5");
  const letta = imageReference("letta", { root, images: "local" }, "0.16.5");
  oldAgents = await oldInstallation({ postgres: oldPostgres, letta });
  await project.up(project.letta);
  endpoint = await project.lettaEndpoint();
  ownAgents = await populateLetta(endpoint, model.port, 1);
});
afterAll(async () => {
  await model.close();
  removeProject(project.suffix);
});

const adopt = (...args: string[]) => project.command(["letta", "adopt", "--from-volume", volume, "--yes", ...args]);
/** Every file of the old volume with its size and time. */
const filesOf = () =>
  dockerOutput([
    "run",
    "--rm",
    "-v",
    `${volume}:/old:ro`,
    "--entrypoint",
    "find",
    oldPostgres,
    "/old",
    "-printf",
    "%p %s %T@\n",
  ]);

describe("a cluster of Postgres 15", () => {
  test("is refused without an image of its version, and nothing is touched", async () => {
    const { exitCode, output } = await adopt();
    expect(exitCode).toBe(1);
    expect(output).toContain("the data is of Postgres 15");
    expect(await agentIds(endpoint)).toEqual(ownAgents);
  });

  test("is taken over: agents, the project's tables, and its sequences", async () => {
    const before = await filesOf();
    const { output } = succeeded(await adopt("--image", oldPostgres));
    expect(output).toContain("adopted: letta, thoth");
    expect(await agentIds(endpoint)).toEqual(oldAgents);
    expect(await project.psql("select count(*), nextval('papers_id_seq') from papers", "thoth")).toBe("50|51");
    expect(await project.psql("select tableowner from pg_tables where tablename in ('papers')", "thoth")).toBe("thoth");
    expect(await filesOf(), "the old volume is untouched").toBe(before);
  });

  test("works on: an agent that it brought answers", async () => {
    await say(endpoint, oldAgents[0] ?? "", "are you there?");
  });

  test("leaves what the stack had before, and nothing else", async () => {
    const databases = (
      await project.psql("select datname from pg_database where datname like '%\\_%' order by 1")
    ).split("\n");
    expect(databases.map((name) => name.replace(/_\d{14}$/, ""))).toEqual(["letta_before", "thoth_before"]);
    expect(
      (await project.engine(["ps", "--all", "--filter", `name=${project.letta}-adoption`, "--quiet"])).stdout,
    ).toBe("");
    expect(
      (await project.engine(["volume", "ls", "--filter", `name=${project.letta}-adoption`, "--quiet"])).stdout,
    ).toBe("");
    succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
  });
});

/**
 * Makes the volume as upstream's compose file leaves one: a cluster at its root, whose superuser is `letta`, with Letta's
 * database, and one of Thoth. Agents in it are made by the real server; nothing runs when this returns.
 *
 * @returns the ids of the agents
 */
async function oldInstallation(images: { postgres: string; letta: string }): Promise<string[]> {
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
    const old = { url: `http://127.0.0.1:${port}`, password: "old" };
    await untilReady(async () => (await fetch(`${old.url}/v1/health/`)).ok);
    return await populateLetta(old, model.port, 2);
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
