import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { proxyRole, thothRoles } from "../../infra/lib/names.ts";
import { killWhen } from "../support/restores.ts";
import { generatedPasswords } from "../support/secrets.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
const thothContainers = [proxyRole, ...thothRoles].map((role) => `${stacks.thoth}-${role}`);

const agents = async () => {
  const list = await lettaJson<{ id: string }[]>(await stacks.lettaEndpoint(), "GET", "/v1/agents/?limit=1000");
  return list.map(({ id }) => id).sort();
};
/** The stack's data volumes; the drill's scratch space may go. */
const volumes = async () =>
  (await dockerOutput(["volume", "ls", "--quiet", "--filter", `name=${stacks.letta}-`]))
    .trim()
    .split("\n")
    .filter((name) => /^letta-t[0-9a-f]{4}-(?:backup|data|home|postgres|redis)$/.test(name))
    .sort();
const states = async (names: readonly string[]) =>
  new Set(await Promise.all(names.map(async (name) => (await inspectContainer(name))?.State.Status)));

let before: { containers: Awaited<ReturnType<typeof stacks.containers>>; agents: string[]; volumes: string[] };
let passwords: Record<string, string>;
beforeAll(async () => {
  before = { containers: await stacks.containers(stacks.letta), agents: await agents(), volumes: await volumes() };
  passwords = await generatedPasswords(stacks, stacks.letta);
  expect(before.volumes).toEqual(
    ["backup", "data", "home", "postgres", "redis"].map((volume) => `${stacks.letta}-${volume}`),
  );
});

describe("while Thoth uses Letta", () => {
  test.each([
    ["with a preview", []],
    ["without a preview", ["--skip-preview"]],
    ["of all that is not protected", ["--exclude-protected", "--skip-preview"]],
  ])("a destroy %s is refused and stops nothing", async (_name, flags) => {
    const { exitCode, output } = await stacks.pulumi(["destroy", "--yes", "--stack", stacks.letta, ...flags]);
    expect(exitCode).not.toBe(0);
    // Protection speaks first in a preview, and the clients in everything that would delete.
    if (flags.length === 0) expect(output).toContain("protected");
    else for (const name of thothContainers) expect(output).toContain(name);
    expect(await stacks.containers(stacks.letta)).toEqual(before.containers);
    expect(await states(Object.keys(before.containers))).toEqual(new Set(["running"]));
    expect(await volumes()).toEqual(before.volumes);
  });

  test("stop names Thoth and stops nothing without --yes", async () => {
    const { exitCode, output } = await stacks.command(["letta", "stop"]);
    expect(exitCode).toBe(1);
    for (const name of thothContainers) expect(output).toContain(`container ${name} (stack ${stacks.thoth})`);
    expect(output).toMatch(/project thoth: \d+ Postgres session/);
    expect(await stacks.containers(stacks.letta)).toEqual(before.containers);
    expect(await states(Object.keys(before.containers))).toEqual(new Set(["running"]));
  });
});

describe("status", () => {
  test("of healthy stacks ends with 0 and shows everything about both", async () => {
    const { exitCode, stdout } = await stacks.command(["status", "--json"]);
    const service = {
      state: "running",
      health: "healthy",
      uptimeSeconds: expect.any(Number),
      image: expect.any(String),
    };
    const services = (names: readonly string[]) => names.map((name) => expect.objectContaining({ name, ...service }));
    expect(JSON.parse(stdout)).toEqual({
      healthy: true,
      stacks: [
        {
          name: stacks.letta,
          isHealthy: true,
          services: services((await stacks.lettaOutputs()).containers),
          agents: before.agents.length,
          models: expect.any(Array),
          databaseBytes: { letta: expect.any(Number), thoth: expect.any(Number) },
          backup: expect.objectContaining({ serving: true, problems: [] }),
          notes: expect.any(Array),
        },
        { name: stacks.thoth, isHealthy: true, services: services(thothContainers), notes: expect.any(Array) },
      ],
    });
    expect(exitCode).toBe(0);
  });
});

describe("with nothing to do", () => {
  const start = async () => succeeded(await stacks.command(["letta", "start"])).output;
  const state = () =>
    readFileSync(join(stacks.folder, `backend/.pulumi/stacks/thoth-letta/${stacks.letta}.json`), "utf8");
  const noUpdate = `stack ${stacks.letta} is up, as it was last updated`;

  test("a start runs no update, and forced to, one that changes nothing", async () => {
    succeeded(await stacks.command(["letta", "start", "--force"]));
    const last = state();
    expect(await start()).toContain(noUpdate);
    expect(state()).toBe(last);
    expect(await stacks.containers(stacks.letta)).toEqual(before.containers);
  });

  test("a start undoes what somebody has changed in Postgres", async () => {
    await stacks.psql("alter role thoth nologin");
    expect(await start()).not.toContain(noUpdate);
    expect(await stacks.psql("select rolcanlogin from pg_roles where rolname = 'thoth'")).toBe("t");
  });
});

describe("with Letta stopped", () => {
  beforeAll(async () => {
    succeeded(await stacks.command(["letta", "stop", "--yes"]));
  });

  test("its containers ended by themselves, none was killed", async () => {
    const ended = await Promise.all(Object.keys(before.containers).map((name) => inspectContainer(name)));
    expect(ended.map((container) => container?.State.Status)).toEqual(Array(7).fill("exited"));
    expect(ended.map((container) => container?.State.ExitCode)).not.toContain(137);
  });

  test("status ends with 1 and says which stack is not healthy", async () => {
    const { exitCode, stdout } = await stacks.command(["letta", "status", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ healthy: false, stacks: [{ isHealthy: false, agents: null }] });
    expect(exitCode).toBe(1);
  });

  test("Thoth does not start on its own, and says what is missing", async () => {
    const { exitCode, output } = await stacks.command(["thoth", "start"]);
    expect(exitCode).toBe(1);
    expect(output).toContain(`the letta stack "${stacks.letta}" is down`);
    expect(await states(Object.keys(before.containers))).toEqual(new Set(["exited"]));
  });

  test("a start of Thoth that may start Letta brings the same containers of both back, with all agents", async () => {
    succeeded(await stacks.command(["thoth", "stop"]));
    succeeded(await stacks.command(["thoth", "start", "--yes"]));
    const ids = Object.values(await stacks.containers(stacks.letta)).map(({ id }) => id);
    expect(ids).toEqual(Object.values(before.containers).map(({ id }) => id));
    expect(await agents()).toEqual(before.agents);
    expect((await stacks.command(["status"])).exitCode).toBe(0);
  });
});

describe("without clients", () => {
  test("a destroy takes the containers and leaves all data", async () => {
    succeeded(await stacks.pulumi(["destroy", "--yes", "--skip-preview", "--stack", stacks.thoth]));
    const flags = ["--yes", "--skip-preview", "--exclude-protected"];
    succeeded(await stacks.pulumi(["destroy", ...flags, "--stack", stacks.letta]));
    expect(await stacks.containers(stacks.letta)).toEqual({});
    expect(await volumes()).toEqual(before.volumes);
  });

  test("a start that was killed while it made a container is fixed by the next", async () => {
    // The engine's answer is not yet in Pulumi's state when the first one appears.
    const list = ["container", "ls", "--all", "--filter", `name=${stacks.letta}-`, "--quiet"];
    await killWhen(stacks, ["letta", "start"], async () => (await dockerOutput(list)) !== "");
    succeeded(await stacks.command(["thoth", "start", "--yes"]));
    expect(Object.keys(await stacks.containers(stacks.letta))).toEqual(Object.keys(before.containers));
    expect(await generatedPasswords(stacks, stacks.letta)).toEqual(passwords);
    expect(await agents()).toEqual(before.agents);
    succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.letta]));
    expect((await stacks.command(["status"])).exitCode).toBe(0);
  });
});
