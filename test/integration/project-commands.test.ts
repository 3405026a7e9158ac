import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import type { ProjectStatus } from "../../scripts/projects/list.ts";
import { bareAgent, conversationText, createAgent, say, stream } from "../support/conversation.ts";
import { candidatesIn, openedBy } from "../support/doors.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { exportedState } from "../support/secrets.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type CommandResult, type ContainerIdentity, succeeded } from "../support/stacks.ts";

/** One application's life on a letta stack, by the operator's commands alone. */

const stacks = sharedStacks();
const name = "notes";
let model: ScriptedModel;
let before: Record<string, ContainerIdentity>;

/** What an application needs; a command may change it. */
interface Environment {
  readonly DATABASE_URL: string;
  readonly NODE_DATABASE_URL: string;
  readonly LETTA_BASE_URL: string;
  readonly LETTA_API_KEY: string;
  readonly ENCRYPTION_KEY: string;
}

const projects = (...args: string[]) => stacks.command(["letta", "projects", ...args]);
const serving = () => stacks.containers(stacks.letta);
const environment = async (): Promise<Environment> => {
  const { stdout } = succeeded(await projects("env", name, "--for", "host", "--format", "json", "--show-secrets"));
  return JSON.parse(stdout) as Environment;
};
const endpointOf = ({ LETTA_BASE_URL: url, LETTA_API_KEY: password }: Environment): LettaEndpoint => ({
  url,
  password,
});
const query = <Row extends object>({ DATABASE_URL: url }: Environment, sql: string): Promise<Row[]> =>
  withPostgres(url, async (client) => (await client.query<Row>(sql)).rows);
const listed = async () => {
  const { stdout } = succeeded(await projects("list", "--json"));
  return (JSON.parse(stdout) as { projects: ProjectStatus[] }).projects;
};
const statusOf = async (project: string) => (await listed()).find((one) => one.name === project);
/** Postgres does not reveal that the role exists but may not log in. */
const lockedOut = /password authentication failed/;
const refusal = async (work: Promise<unknown>) => work.then(() => "it worked").catch((error: unknown) => `${error}`);

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  before = await serving();
  succeeded(await projects("add", name));
});

afterAll(async () => {
  await model.close();
  stacks.configure(stacks.letta, { projects: ["thoth"], credentials: {} });
  await stacks.up(stacks.letta);
  await stacks.up(stacks.thoth);
  await stacks.psql(`drop database if exists ${name} with (force)`);
  await stacks.psql(`drop role if exists "${name}-b"; drop role if exists ${name}`);
});

test("its database's addresses work as they are in each client that they are for", async () => {
  const { NODE_DATABASE_URL: connectionString } = await environment();
  const client = new pg.Client({ connectionString });
  await client.connect();
  const inNode = await client.query<{ database: string }>("select current_database() as database");
  await client.end();
  expect(inNode.rows).toEqual([{ database: name }]);

  const { stdout } = succeeded(await projects("env", name, "--format", "json", "--show-secrets"));
  const script = `
import asyncio, json, sys
import asyncpg, psycopg2, sqlalchemy
url = json.load(sys.stdin)["DATABASE_URL"]
query = "select current_database()"
async def by_asyncpg():
    connection = await asyncpg.connect(url)
    return await connection.fetchval(query)
cursor = psycopg2.connect(url).cursor()
cursor.execute(query)
with sqlalchemy.create_engine(url).connect() as connection:
    by_sqlalchemy = connection.execute(sqlalchemy.text(query)).scalar()
print(json.dumps([asyncio.run(by_asyncpg()), cursor.fetchone()[0], by_sqlalchemy]))`;
  const python = ["exec", "--interactive", `${stacks.letta}-server`, "python3", "-c", script];
  expect(JSON.parse(await dockerOutput(python, { input: stdout }))).toEqual([name, name, name]);
});

test("an added project has its own database and agents, and nothing was restarted", async () => {
  const told = await environment();
  const agent = await createAgent(endpointOf(told), model.port);
  await say(endpointOf(told), agent, "hello");
  await query(told, "create table things (text text); insert into things values ('kept')");
  expect(await lettaJson<{ id: string }[]>(endpointOf(told), "GET", "/v1/agents/")).toMatchObject([{ id: agent }]);
  expect(await statusOf(name)).toMatchObject({
    state: "up",
    isDefault: false,
    agents: 1,
    lastRequest: expect.any(String),
    databaseBytes: expect.toSatisfy((bytes) => bytes > 1_000_000),
    connections: { open: 0, limit: 30 },
    credentials: { generation: 1, overlap: false },
  });
  expect(await serving()).toEqual(before);
});

test("adding it again changes nothing", async () => {
  expect(succeeded(await projects("add", name)).stdout).toContain(
    `project ${name} of stack ${stacks.letta} exists already`,
  );
});

test.each(["env", "json", "compose"])("what its application needs, as %s, hides secrets by default", async (format) => {
  const { LETTA_API_KEY, ENCRYPTION_KEY, DATABASE_URL } = await environment();
  const { output } = succeeded(await projects("env", name, "--for", "host", "--format", format));
  expect(output).toContain("[hidden]");
  const secrets = [LETTA_API_KEY, ENCRYPTION_KEY, new URL(DATABASE_URL).password];
  expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
});

test("a file of it is readable by its owner alone, and is not overwritten", async () => {
  const file = join(stacks.folder, `notes-${Date.now()}.env`);
  const write = () => projects("env", name, "--output", file);
  expect(succeeded(await write()).output).not.toContain((await environment()).LETTA_API_KEY);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toContain(`LETTA_API_KEY=${(await environment()).LETTA_API_KEY}`);
  expect(await write()).toMatchObject({ exitCode: 1, output: expect.stringContaining("exists already") });
});

test("the list names the project's containers on the network", async () => {
  const names = async () => (await statusOf("thoth"))?.containers.toSorted();
  // A role that has just closed its idle connections, and asked Letta nothing lately, is missing until its next query.
  await expect.poll(names, { timeout: 120_000 }).toEqual(Object.keys(await stacks.containers(stacks.thoth)).sort());
});

test("all credentials change during a conversation without a failed request, and the old ones open nothing", async () => {
  const old = await environment();
  const [leaked, operator] = [await whatMayLeak(), await stacks.lettaEndpoint()];
  expect(await openedBy(stacks, leaked)).toEqual(doors(""));
  const agent = await createAgent(endpointOf(old), model.port);
  const application = startApplication(agent, old);

  const begun = succeeded(await stacks.command(["letta", "rotate"]));
  expect(begun.stdout).toContain(`make project-env NAME=${name}`);
  const fresh = await environment();
  expect(fresh.ENCRYPTION_KEY).toBe(old.ENCRYPTION_KEY);
  for (const key of ["DATABASE_URL", "LETTA_API_KEY"] as const) expect(fresh[key]).not.toBe(old[key]);
  for (const works of [old, fresh]) {
    expect((await lettaFetch(endpointOf(works), "GET", "/v1/agents/")).status).toBe(200);
    expect(await query(works, "select text from things")).toEqual([{ text: "kept" }]);
  }
  // Those that the stack uses itself, and that need no overlap, are new at once.
  const isAtOnce = (door: string) => ["Thoth's MCP server", "role letta_admin", "role letta-page"].includes(door);
  expect(await openedBy(stacks, leaked)).toEqual(doors("").filter((door) => !isAtOnce(door)));
  application.use(fresh);
  succeeded(await stacks.command(["letta", "rotate", "--finish"]));

  const { failures, said } = await application.stop();
  expect(failures).toEqual([]);
  expect(said.length).toBeGreaterThan(20);
  const conversation = await conversationText(endpointOf(fresh), agent);
  expect(said.filter((text) => !conversation.includes(`"${text}"`))).toEqual([]);
  expect(await refusal(lettaFetch(endpointOf(old), "GET", "/v1/agents/"))).toContain("401");
  expect(await refusal(query(old, "select 1"))).toMatch(lockedOut);
  expect(await refusal(lettaFetch(operator, "GET", "/v1/agents/"))).toContain("401");
  expect(await serving()).toEqual(before);

  expect(await openedBy(stacks, leaked)).toEqual([]);
  expect(await openedBy(stacks, await whatMayLeak())).toEqual(doors("-b"));
});

/** Every secret in both states and in the backups, and all that may derive from one. */
async function whatMayLeak(): Promise<string[]> {
  const stored = await stacks.engine(["exec", `${stacks.letta}-backup`, "backup", "get", "pulumi-state.json"]);
  const states = [JSON.parse(stored.stdout), await exportedState(stacks, stacks.letta)];
  const all = [...states, await exportedState(stacks, stacks.thoth)];
  return candidatesIn(all, ["thoth", name]);
}

/** Everything that asks for a password or a token, while the roles with this suffix log in. */
const doors = (suffix: string) =>
  [
    ...["Letta's own port", "Redis", "Thoth's MCP server", "gateway", "role letta_admin", "role letta-page"],
    ...["letta", name, "thoth"].map((owner) => `role ${owner}${suffix}`),
  ].sort();

/** An application that sends messages, streamed and not, and queries its database after each. */
function startApplication(agent: string, first: Environment) {
  let [told, isOver] = [first, false];
  const [said, failures]: [string[], string[]] = [[], []];
  const work = async (text: string) => {
    if (said.length % 2 === 0) await say(endpointOf(told), agent, text);
    else for await (const _ of stream(endpointOf(told), agent, text, { background: true }));
    await query(told, "select text from things");
    said.push(text);
  };
  const working = (async () => {
    for (let turn = 0; !isOver; turn++) {
      await work(`turn-${turn}.`).catch((error: unknown) => failures.push(`turn ${turn}: ${error}`));
    }
  })();
  return {
    use: (fresh: Environment) => {
      told = fresh;
    },
    stop: async () => {
      isOver = true;
      await working;
      return { said, failures };
    },
  };
}

test("a removed project has no access, and finds everything when it returns", async () => {
  const told = await environment();
  const agents = (await statusOf(name))?.agents;
  expect(succeeded(await projects("remove", name)).stdout).toContain("its data is kept");
  expect(await refusal(lettaFetch(endpointOf(told), "GET", "/v1/agents/"))).toContain("401");
  expect(await refusal(query(told, "select 1"))).toMatch(lockedOut);
  expect(await statusOf(name)).toMatchObject({ state: "retired", agents: null });

  succeeded(await projects("add", name));
  expect(await environment()).toEqual(told);
  expect(await query(told, "select text from things")).toEqual([{ text: "kept" }]);
  expect(await statusOf(name)).toMatchObject({ state: "up", agents });
});

test("its data is deleted only on confirmation, and is in a backup first", async () => {
  const told = await environment();
  const endpoint = await stacks.lettaEndpoint();
  const agents = await lettaJson<{ id: string }[]>(endpointOf(told), "GET", "/v1/agents/");
  expect(agents.length).toBeGreaterThan(0);
  await lettaJson(endpointOf(told), "POST", "/v1/agents/", { ...bareAgent(model.port), tags: ["tagged"] });
  const refused: CommandResult = await projects("remove", name, "--purge");
  expect(refused).toMatchObject({ exitCode: 1, output: expect.stringContaining("nothing was changed") });
  expect(await query(told, "select text from things")).toEqual([{ text: "kept" }]);

  const { stdout } = succeeded(await projects("remove", name, "--purge", "--yes"));
  const [point = ""] = /before_purge_of_notes_\d{14}/.exec(stdout) ?? [];
  expect(await statusOf(name)).toBeUndefined();
  for (const { id } of agents) expect(await refusal(lettaFetch(endpoint, "GET", `/v1/agents/${id}`))).toContain("404");
  expect(await stacks.psql("select count(*) from organizations where name = 'thoth-letta/notes'", "letta")).toBe("0");
  const list = succeeded(await stacks.command(["backup", "list", "--json"]));
  expect(JSON.parse(list.stdout)).toMatchObject({
    points: expect.arrayContaining([expect.objectContaining({ name: point })]),
  });
});

test.each([
  ["add", ["No-Such"], /is not a valid project name/],
  ["env", ["missing"], /there is no project "missing"/],
  ["remove", ["missing"], /there is no project "missing"/],
  ["rotate", ["missing"], /there is no project "missing"/],
  ["rotate", ["thoth", "--finish"], /has only credentials of generation/],
])("%s of %j is refused, and says why", async (command, args, reason) => {
  const result = await projects(command, ...args);
  expect(result.exitCode).toBe(1);
  expect(result.output).toMatch(reason);
});
