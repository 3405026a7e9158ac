import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { removeProject } from "../support/engine-objects.ts";
import { firstBackup, repositoryOf } from "../support/restores.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { presentImage, type StackConfig, succeeded, type TestProject } from "../support/stacks.ts";

/**
 * A stack made by the version before, with agents, rows and backups, is taken over by this version with the same state,
 * passphrase and config. The old version is commit 5c11d1f: the last one before folders, config keys and commands were
 * renamed.
 */
const oldCommit = "5c11d1f";

/** What the old version's outputs have that this test reads. */
interface OldOutputs {
  readonly urls: { readonly sse: string };
  readonly tokens: Record<string, string>;
  readonly hostDatabaseUrls: Record<string, string>;
  readonly encryptionKeys: Record<string, string>;
  readonly recoveryKey: string;
}

interface StateResource {
  readonly urn: string;
  readonly id?: string;
  readonly protect?: boolean;
}

const old = mkdtempSync(join(tmpdir(), "thoth-letta-old-"));
const point = "before_the_move";
const dataVolumes = ["backup", "data", "home", "postgres", "redis"];
let project: TestProject;
let before: {
  outputs: OldOutputs;
  agents: string[];
  labels: string[];
  protectedIds: Record<string, string>;
};

beforeAll(async () => {
  checkOut();
  project = await ownProject();
  project.useCheckout(old);
  const { gateway, ...ports } = project.configured<StackConfig>(project.letta, "ports");
  project.configure(project.letta, {
    // It does not know the key.
    models: undefined,
    ports: { ...ports, sse: gateway },
    projects: ["thoth", "notes"],
    // Without this it refuses every MCP server on the stack's network.
    mcpHosts: [`${project.thoth}-mcp`],
    backup: { engine: "pgbackrest", drillOnStart: false, archiveSeconds: 2, heartbeatSeconds: 2 },
  });
  // Its thoth stack has a container per role, and no key that says so.
  project.configure(project.thoth, { shape: undefined });
  await startOld("letta");
  await startOld("thoth");
  const outputs = await project.outputs<OldOutputs>(project.letta);
  for (const name of ["first", "second"]) await makeAgent(oldGateway(outputs, "notes"), name);
  await query(outputs.hostDatabaseUrls.notes, "create table kept as select n from generate_series(1, 1000) n");
  await firstBackup(project);
  succeeded(await project.command(["backup", "now", "--type", "full"]));
  succeeded(await project.command(["backup", "point", point]));
  before = {
    outputs,
    agents: await agents(oldGateway(outputs, "notes")),
    labels: (await repositoryOf(project)).backups.map(({ label }) => label),
    protectedIds: await protectedIds(),
  };
  await inVolumes('touch "$volume/of-the-old-version"');
  expect(before.agents).toHaveLength(2);
});
afterAll(() => {
  removeProject(project.suffix);
  rmSync(old, { recursive: true, force: true });
});

test("the new version refuses each renamed key with its new name, and touches nothing", async () => {
  const containers = await project.containers(project.letta);
  project.useCheckout(root);
  const { exitCode, output } = await project.command(["letta", "start"]);
  expect(exitCode).toBe(1);
  expect(output).toContain("thoth-letta:ports.sse: is ports.gateway now");
  expect(output).toContain("thoth-letta:backup.engine: is backup.enabled now");
  expect(await project.containers(project.letta)).toEqual(containers);
});

test("with the keys renamed it takes the stacks over, and replaces nothing that is protected", async () => {
  const { sse, ...ports } = project.configured<StackConfig>(project.letta, "ports");
  const { engine: _, ...backup } = project.configured<StackConfig>(project.letta, "backup");
  project.configure(project.letta, { ports: { ...ports, gateway: sse }, backup, models: { trial: "off" } });
  succeeded(await project.command(["letta", "start"]));
  succeeded(await project.command(["thoth", "start"]));
  expect(await protectedIds()).toMatchObject(before.protectedIds);
  expect((await inVolumes('ls "$volume/of-the-old-version"')).split("\n")).toHaveLength(dataVolumes.length);
  for (const stack of [project.letta, project.thoth]) {
    succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", stack]));
  }
});

test("agents and rows are there, under the credentials that applications have", async () => {
  expect(await agents(oldGateway(before.outputs, "notes"))).toEqual(before.agents);
  expect(await agents(await project.projectEndpoint("notes"))).toEqual(before.agents);
  expect(await query(before.outputs.hostDatabaseUrls.notes, "select count(*)::int from kept")).toEqual([
    { count: 1000 },
  ]);
  expect((await project.lettaOutputs()).recoveryKey).toBe(before.outputs.recoveryKey);
});

test("the old version's backups are listed, and a drill of one is good", async () => {
  const { backups } = await repositoryOf(project);
  expect(backups.map(({ label }) => label)).toEqual(expect.arrayContaining(before.labels));
  succeeded(await project.command(["drill", "--point", point]));
});

test("a restore point of the old version brings its data back", async () => {
  await query(before.outputs.hostDatabaseUrls.notes, "insert into kept select 0");
  succeeded(await project.command(["restore", "server", "--point", point, "--yes"]));
  expect(await query(before.outputs.hostDatabaseUrls.notes, "select count(*)::int from kept")).toEqual([
    { count: 1000 },
  ]);
  expect(await agents(await project.projectEndpoint("notes"))).toEqual(before.agents);
});

/** Puts the old version's sources into their folder, with packages, programs and images: all there where this was run before. */
function checkOut(): void {
  const archive = execFileSync("git", ["archive", oldCommit], { cwd: root, maxBuffer: 256 * 1024 * 1024 });
  execFileSync("tar", ["-x"], { cwd: old, input: archive });
  const lock = (folder: string) => readFileSync(join(folder, "package-lock.json"), "utf8");
  if (lock(old) === lock(root)) symlinkSync(join(root, "node_modules"), join(old, "node_modules"));
  else execFileSync("npm", ["ci", "--no-fund", "--no-audit"], { cwd: old, stdio: "inherit" });
  // A copy: where the old setup finds a program made from other sources, it builds its own in its place.
  cpSync(join(root, ".tools"), join(old, ".tools"), { recursive: true });
  const { PULUMI_BACKEND_URL: _, PULUMI_CONFIG_PASSPHRASE_FILE: __, ...env } = process.env;
  execFileSync("node", ["scripts/main.ts", "setup"], { cwd: old, env, stdio: "inherit" });
}

/** The old version's own start is no subject here: on a busy machine it may take more than one. */
async function startOld(stack: "letta" | "thoth"): Promise<void> {
  const start = async () => succeeded(await project.command([stack, "start"]));
  await start().catch(start).catch(start);
}

function oldGateway({ urls, tokens }: OldOutputs, name: string): LettaEndpoint {
  return { url: urls.sse, password: tokens[name] ?? "" };
}

async function makeAgent(endpoint: LettaEndpoint, name: string): Promise<void> {
  const model = { model: "letta/letta-free", embedding: "letta/letta-free", include_base_tools: false };
  await lettaJson(endpoint, "POST", "/v1/agents/", { name, ...model });
}

async function agents(endpoint: LettaEndpoint): Promise<string[]> {
  return (await lettaJson<{ id: string }[]>(endpoint, "GET", "/v1/agents/")).map(({ id }) => id).sort();
}

function query(url: string | undefined, sql: string): Promise<object[]> {
  return withPostgres(url ?? "", async (client) => (await client.query<object>(sql)).rows);
}

/** URN -> id of what Pulumi must not delete. */
async function protectedIds(): Promise<Record<string, string>> {
  const { stdout } = succeeded(await project.pulumi(["stack", "export", "--stack", project.letta]));
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: StateResource[] } };
  const kept = deployment.resources.filter(({ protect, id }) => protect === true && id !== undefined);
  return Object.fromEntries(kept.map(({ urn, id = "" }) => [urn, id]));
}

/** Runs a command of the shell for each data volume, which is `$volume` there. @throws when it fails for one */
async function inVolumes(command: string): Promise<string> {
  const mounts = dataVolumes.flatMap((role) => ["--volume", `${project.letta}-${role}:/volumes/${role}`]);
  const run = ["run", "--rm", "--network", "none", "--user", "0:0", ...mounts, "--entrypoint", "sh"];
  const script = `set -e; for volume in /volumes/*; do ${command}; done`;
  return (await dockerOutput([...run, presentImage("redis"), "-c", script])).trim();
}
