import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectContainer } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { requireImage } from "../../scripts/images/version.ts";
import { realDeps } from "../../scripts/lib/deps.ts";
import { differences, takeInventory } from "../../scripts/upgrade/check.ts";
import { say } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { startKillable } from "../support/kill.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";
import { deriveLetta, failingMigration, outsideRehearsal, removeDerived, upgradeOf } from "../support/upgrades.ts";

let project: TestProject;
let model: ScriptedModel;
let endpoint: LettaEndpoint;
let agents: string[];
/** How long an upgrade takes here. */
let seconds = 60;

beforeAll(async () => {
  model = await startScriptedModel({ host: "0.0.0.0" });
  project = await ownProject({ letta: { images: "local", lettaVersion: "0.16.5" } });
  await requireImage({ ...realDeps(), projectDirectory: project.folder }, project.letta, "letta", "0.16.5");
  await project.up(project.letta);
  endpoint = await project.lettaEndpoint();
  agents = await populateLetta(endpoint, model.port, 3);
});
afterAll(async () => {
  await model.close();
  removeProject(project.suffix);
  await removeDerived();
});

const upgrade = (...args: string[]) => upgradeOf(project, args);
const inventory = () => takeInventory(realDeps(), { container: `${project.letta}-postgres`, database: "letta" });
const server = async () => (await inspectContainer(`${project.letta}-server`))?.Config.Image;

test("0.16.5 becomes 0.16.8, and every agent still knows what it knew", async () => {
  const before = await inventory();
  const started = Date.now();
  expect(await upgrade("--to", "0.16.8")).toMatchObject({ result: "done" });
  seconds = (Date.now() - started) / 1000;
  expect(differences(before, await inventory(), { exact: false })).toEqual([]);
  expect(await agentIds(endpoint)).toEqual(agents);
  for (const agent of agents) await say(endpoint, agent, "do you still know me?");
});

describe("a failure of the rehearsal stops nothing", () => {
  test.each([
    ["a migration that fails", `raise RuntimeError("the test's migration fails")`, "the test's migration fails"],
    [
      "one that changes an agent",
      `op.execute("update agents set name = name || '!'")`,
      "its texts, messages, blocks, passages or tools differ",
    ],
    ["one that loses a row", `op.execute("delete from archival_passages")`, "public.archival_passages"],
  ])("%s", async (_what, migration, problem) => {
    const before = await project.containers(project.letta);
    const image = await deriveLetta({ name: "stops", migration });
    expect(await upgrade("--to", image)).toMatchObject({
      result: "not begun",
      problem: expect.stringContaining(problem),
    });
    expect(await project.containers(project.letta)).toEqual(before);
  });
});

test("a version that migrates and then does not serve is undone", async () => {
  const before = await inventory();
  const image = await deriveLetta({
    name: "dies",
    migration: `op.execute("alter table agents add column test text")`,
    startup: `import os\nif os.environ.get("LETTA_REDIS_HOST") == "letta-redis":\n    os._exit(3)\n`,
  });
  expect(await upgrade("--to", image)).toMatchObject({ result: "returned" });
  expect(differences(before, await inventory(), { exact: false })).toEqual([]);
});

/** Random moments, shown in the test names so that a failing one can be repeated: THOTH_LETTA_SEEDS=0.25,0.8 of the length. */
const moments =
  process.env.THOTH_LETTA_SEEDS?.split(",").map(Number) ?? Array.from({ length: 6 }, () => randomInt(1000) / 1000);

describe("killed at any moment, one --resume leaves a version that works", () => {
  let on: string | undefined;
  beforeAll(async () => {
    on = await server();
  });

  test.each(moments.map((moment, index) => ({ moment, index })))(
    "at $moment of its length",
    async ({ moment, index }) => {
      const before = await inventory();
      const old = await server();
      // One after the other works and fails; each that works is what the next is built on.
      const fails = index % 2 === 1;
      const migration = fails
        ? outsideRehearsal(failingMigration)
        : `op.execute("alter table agents add column test_${index} text")`;
      const image = await deriveLetta({ name: `kill${index}`, migration, ...(on === undefined ? {} : { on }) });
      const running = startKillable(project, ["letta", "upgrade", "--yes", "--to", image]);
      await Promise.race([sleep(moment * seconds * 1000), running.ended]);
      await running.kill();

      const { output } = await project.command(["letta", "upgrade", "--resume"]);
      const now = await server();
      expect([old, image], output).toContain(now);
      if (fails) expect(now).toBe(old);
      expect(differences(before, await inventory(), { exact: false })).toEqual([]);
      await say(endpoint, agents[0] ?? "", `still there after ${index}?`);
      expect(await leftovers()).toEqual([]);
      succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
      on = now;
    },
  );

  async function leftovers(): Promise<string[]> {
    const databases = await project.psql("select datname from pg_database where datname like 'letta\\_before%'");
    const containers = await project.engine([
      "ps",
      "--all",
      "--filter",
      `name=${project.letta}-rehearsal`,
      "--format",
      "{{.Names}}",
    ]);
    const volumes = await project.engine(["volume", "ls", "--filter", `name=${project.letta}-rehearsal`, "--quiet"]);
    return [databases, containers.stdout, volumes.stdout]
      .join("\n")
      .split("\n")
      .filter((line) => line !== "");
  }
});
