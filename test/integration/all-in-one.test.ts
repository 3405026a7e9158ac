import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker, dockerOutput, inspectContainer, runHealthCheck } from "../../infra/lib/docker/engine.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { StackStatus } from "../../scripts/status/collect.ts";
import { mcpServers, mcpTools } from "../support/mcp-servers.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type StackConfig, succeeded } from "../support/stacks.ts";

/** All roles in one container: the default with the stand-in, to which an installation of a container per role moves. */

const stacks = sharedStacks();
const roles = ["api", "mcp", "discovery", "monitor"];
const named = (name: string) => `${stacks.thoth}-${name}`;
const names = async () => Object.keys(await stacks.containers(stacks.thoth));
let lettaBefore: Awaited<ReturnType<typeof stacks.containers>>;
let thoth: ThothExports;

async function start(changes: StackConfig): Promise<string> {
  stacks.configure(stacks.thoth, changes);
  return succeeded(await stacks.command(["thoth", "start"])).output;
}

async function shown(): Promise<StackStatus | undefined> {
  const { stdout } = await stacks.command(["thoth", "status", "--json"]);
  return (JSON.parse(stdout) as { stacks: StackStatus[] }).stacks.find(({ name }) => name === stacks.thoth);
}

/** Sends a signal to the programs of a role, by the name that the launcher gives them. */
function signal(role: string, name: string): Promise<string> {
  const isOf = `tr '\\0' '\\n' <$p/environ 2>/dev/null | grep -qx THOTH_LETTA_ROLE=${role}`;
  const script = `for p in /proc/[0-9]*; do if ${isOf}; then kill -${name} \${p#/proc/}; fi; done`;
  return dockerOutput(["exec", named("all-in-one"), "sh", "-c", script]);
}

beforeAll(async () => {
  lettaBefore = await stacks.containers(stacks.letta);
  await start({ shape: undefined });
  thoth = await stacks.thothOutputs();
}, 300_000);

afterAll(() => start({ shape: "roles", roles: {} }), 300_000);

test("it takes the place of the roles' containers, with their ports, tools and database; Letta's stay as they are", async () => {
  expect(await names()).toEqual([named("all-in-one"), named("letta-proxy")]);
  expect(await stacks.containers(stacks.letta)).toEqual(lettaBefore);
  for (const url of Object.values(thoth.healthUrls)) expect((await fetch(url)).status).toBe(200);
  const letta = await stacks.projectEndpoint();
  const [server] = await mcpServers(letta, stacks.thoth);
  expect(server === undefined ? [] : await mcpTools(letta, server)).not.toEqual([]);
  expect((await shown())?.isHealthy).toBe(true);
  succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.thoth]));
});

test("every name of a role is the container's, on both networks", async () => {
  const ask = async (from: string, name: string) => (await docker(["exec", from, "getent", "hosts", name])).exitCode;
  for (const name of [...roles, ...roles.map(named)]) expect(await ask(named("letta-proxy"), name), name).toBe(0);
  for (const name of roles.map(named)) expect(await ask(`${stacks.letta}-server`, name), name).toBe(0);
});

test("the logs of a role are its own lines; the container's name the role in each", async () => {
  const lines = async (...of: string[]) =>
    succeeded(await stacks.command(["thoth", "logs", ...of]))
      .stdout.trim()
      .split("\n");
  const start = `${named("all-in-one")} | `;
  for (const role of roles) {
    const own = await lines(role, "--tail", "3");
    expect(own).toHaveLength(3);
    expect(own.every((line) => line.startsWith(`${start}${role} | `) && line.includes(`"role":"${role}"`))).toBe(true);
  }
  for (const line of await lines("all-in-one"))
    expect(line.slice(start.length)).toMatch(/^(api|mcp|discovery|monitor) \| /);
});

test("a role that does not answer is red by its name, and the others are not", async () => {
  await signal("mcp", "STOP");
  expect(await runHealthCheck(named("all-in-one"))).toMatch(/^mcp: curl: .*timed out/i);
  const health = async () =>
    Object.fromEntries(((await shown())?.services.at(-1)?.roles ?? []).map((role) => [role.name, role.health]));
  const isHealthy = { api: "healthy", mcp: "healthy", discovery: "healthy", monitor: "healthy" };
  await expect.poll(health, { timeout: 120_000 }).toEqual({ ...isHealthy, mcp: "unhealthy" });
  const doctor = await stacks.command(["doctor"]);
  expect(doctor.output).toContain(`${named("all-in-one")} does not answer: mcp: curl`);
  await signal("mcp", "CONT");
  await expect.poll(health, { timeout: 120_000 }).toEqual(isHealthy);
});

test("a role that dies takes the container down and says so, and the engine starts it again", async () => {
  const { RestartCount = 0 } = (await inspectContainer(named("all-in-one"))) ?? {};
  await signal("discovery", "KILL");
  const restarts = async () => (await inspectContainer(named("all-in-one")))?.RestartCount;
  await expect.poll(restarts, { timeout: 60_000 }).toBe(RestartCount + 1);
  expect((await stacks.command(["thoth", "logs", "discovery"])).output).toContain(
    "discovery | role ended with exit code 137: the container ends",
  );
  await expect.poll(async () => (await shown())?.isHealthy, { timeout: 120_000 }).toBe(true);
  expect((await shown())?.notes.join()).toContain("role discovery ended with exit code 137");
});

test("a stop reaches every role, and the container ends by itself", async () => {
  succeeded(await stacks.command(["thoth", "stop"]));
  const { State } = (await inspectContainer(named("all-in-one"))) ?? {};
  expect(State).toMatchObject({ Status: "exited", ExitCode: 0 });
  expect(await start({})).toContain(`starting ${named("all-in-one")}`);
});

describe("a role that cannot run", () => {
  test("fails the start with its name and cause, and the next start is good", async () => {
    stacks.configure(stacks.thoth, { roles: { monitor: { command: ["no-such-program"] } } });
    const { exitCode, output } = await stacks.command(["thoth", "start"]);
    expect(exitCode).not.toBe(0);
    expect(output).toContain("likely cause: role monitor ended with exit code 127: its command is not in the image");
    await start({ roles: {} });
    expect((await shown())?.isHealthy).toBe(true);
  });
});

test("the other shape takes its place again", async () => {
  await start({ shape: "roles" });
  expect(await names()).toEqual(["api", "discovery", "letta-proxy", "mcp", "monitor"].map(named));
  expect((await shown())?.isHealthy).toBe(true);
  expect(await stacks.containers(stacks.letta)).toEqual(lettaBefore);
});
