import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import YAML from "yaml";
import { inspectContainer, networkContainers } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { freePorts, freeSubnets } from "../support/free-places.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type ContainerIdentity, succeeded } from "../support/stacks.ts";

/** A second Thoth from a folder of sources, next to the one that is up, by `make dev` and its commands. */

const stacks = sharedStacks();
const stack = "thoth-dev";
/** Its Docker names are the test's, as another checkout's dev stack may be up. */
const prefix = `${stacks.thoth}-dev`;
const sources = join(stacks.folder, "sources");
const containers = [`${prefix}-all-in-one`, `${prefix}-letta-proxy`];
const [thoth = ""] = containers;
let api: number;
let before: Record<string, ContainerIdentity>;

const dev = (...args: string[]) => stacks.command(["dev", ...args]);
const start = (source = sources) => dev("start", "--source", source, "--yes");
/** Containers of Letta and of the other Thoth. */
const others = async () => ({
  ...(await stacks.containers(stacks.letta)),
  ...(await stacks.containers(stacks.thoth)),
});
const isRunning = async (name: string) => (await inspectContainer(name))?.State.Running === true;
const papers = async (database: string) => stacks.psql("select count(*) from papers_of_test", database);

beforeAll(async () => {
  cpSync(join(root, "images/thoth/src"), sources, { recursive: true });
  const [port = 0, mcp = 0] = await freePorts(2);
  const [subnet] = await freeSubnets(1);
  api = port;
  const config = {
    kind: "thoth",
    prefix,
    shape: "all-in-one",
    ports: { api, mcp },
    subnet,
    vault: join(stacks.folder, "vault-dev"),
  };
  const keys = Object.entries(config).map(([key, value]) => [`thoth-letta:${key}`, value]);
  writeFileSync(join(stacks.folder, `Pulumi.${stack}.yaml`), YAML.stringify({ config: Object.fromEntries(keys) }));
  before = await others();
});

afterAll(async () => {
  succeeded(await stacks.pulumi(["destroy", "--yes", "--skip-preview", "--stack", stack]));
  succeeded(await stacks.command(["letta", "projects", "remove", "thoth_dev", "--purge", "--yes"]));
  await stacks.psql("drop table if exists papers_of_test", "thoth");
});

test("a folder that is not there is refused before anything is made", async () => {
  const { exitCode, output } = await start("/no/such/folder");
  expect(exitCode).toBe(1);
  expect(output).toContain("there is no folder /no/such/folder");
  expect(await inspectContainer(thoth)).toBeUndefined();
});

test("comes up with its own network, ports and database, and no container of Letta or the other Thoth restarts", async () => {
  succeeded(await start());
  for (const name of containers) expect(await isRunning(name), name).toBe(true);
  expect((await networkContainers(`${prefix}-network`)).sort()).toEqual(containers);
  expect((await fetch(`http://127.0.0.1:${api}/health`)).ok).toBe(true);
  expect(await stacks.psql("select count(*) > 0 from pg_tables where tableowner = 'thoth_dev'", "thoth_dev")).toBe("t");
  expect(await others()).toEqual(before);
  await expect.poll(async () => (await dev("status")).output, { timeout: 120_000 }).toMatch(/stack thoth-dev: healthy/);
});

test("answers as a file of its sources says after it changed, in the same container", async () => {
  const id = (await stacks.containers(prefix))[thoth]?.id;
  const file = join(sources, "roles/api.ts");
  const text = readFileSync(file, "utf8");
  writeFileSync(
    file,
    text.replace('server.get("/agent", () => ({ ', 'server.get("/agent", () => ({ isChanged: true, '),
  );
  const answer = async () => (await fetch(`http://127.0.0.1:${api}/agent`)).json();
  await expect.poll(answer, { timeout: 60_000, interval: 20 }).toMatchObject({ isChanged: true });
  expect((await stacks.containers(prefix))[thoth]?.id).toBe(id);
});

test("gets a copy of the other's database, which its own role may write to", async () => {
  await stacks.psql("create table papers_of_test as select generate_series(1, 7) n", "thoth");
  await stacks.psql("alter table papers_of_test owner to thoth", "thoth");
  expect(succeeded(await dev("db-clone", "--yes")).stdout).toContain("database thoth_dev is a copy of thoth");
  expect(await papers("thoth_dev")).toBe("7");
  const owner = "select tableowner from pg_tables where tablename = 'papers_of_test'";
  expect(await stacks.psql(owner, "thoth_dev")).toBe("thoth_dev");
  expect(await stacks.psql("select count(*) from pg_database where datname like 'thoth_dev_%'")).toBe("0");
});

test("a second start changes nothing", async () => {
  const running = await stacks.containers(prefix);
  expect(succeeded(await start()).output).toContain(`stack ${stack} is up, as it was last updated`);
  expect(await stacks.containers(prefix)).toEqual(running);
});

test("stops with its database kept, and is not in anyone's way; a start brings it back", async () => {
  expect(succeeded(await dev("stop")).stdout).toContain(`stack ${stack} is stopped: make dev`);
  for (const name of containers) expect(await isRunning(name), name).toBe(false);
  expect(await papers("thoth_dev")).toBe("7");
  expect(await others()).toEqual(before);
  const holder = createServer().listen(api, "127.0.0.1");
  const refused = await start();
  await new Promise((resolve) => holder.close(resolve));
  expect(refused.output).toContain(`port ${api} (ports.api) is taken by another process on this host`);
  succeeded(await start());
  expect((await fetch(`http://127.0.0.1:${api}/health`)).ok).toBe(true);
});
