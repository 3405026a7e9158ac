import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { lettaNames } from "../../../../infra/lib/names.ts";
import { saveOperation } from "../../../../scripts/lib/operation.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { attempt, conclude } from "../../../../scripts/upgrade/conclude.ts";
import type { Inventory } from "../../../../scripts/upgrade/inventory.ts";
import { databaseNames, type UpgradeOperation } from "../../../../scripts/upgrade/operation.ts";
import { abandon } from "../../../../scripts/upgrade/resume.ts";
import { drain, enter, type Run, save } from "../../../../scripts/upgrade/steps.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import { dockerAnswers, lettaOutputs } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

/** What the steps do to the world, in order, and what the world answers. */
const world = vi.hoisted(() => ({
  done: [] as string[],
  databases: [] as string[],
  /** What letta's database holds, and what the copy of it does. */
  inventory: {} as unknown,
  saved: {} as unknown,
  /** Called by each `pulumi up`. */
  onUp: () => {},
}));
vi.mock("../../../../scripts/lib/pulumi.ts", () => {
  const up = async () => {
    world.done.push("up");
    world.onUp();
  };
  return { up, upTellingWhy: up };
});
vi.mock("../../../../scripts/lib/repair.ts", () => ({ repair: async () => world.done.push("repair") }));
vi.mock("../../../../scripts/lib/psql.ts", async (original) => ({
  ...(await original<object>()),
  isPostgresUp: async () => true,
  psql: async () => [],
}));
vi.mock("../../../../scripts/upgrade/inventory.ts", async (original) => ({
  ...(await original<object>()),
  takeInventory: async () => world.inventory,
}));
vi.mock("../../../../scripts/upgrade/drain.ts", () => ({
  keepOut: async (_deps: unknown, _nginx: string, what: string) => world.done.push(`keep out ${what}`),
  letIn: async () => world.done.push("let in"),
  awaitRuns: async () => 0,
}));
vi.mock("../../../../scripts/upgrade/database-copy.ts", () => ({
  listDatabases: async () => world.databases,
  async copyDatabase(_deps: unknown, _container: string, from: string, to: string) {
    world.done.push(`copy ${from}`);
    world.saved = world.inventory;
    world.databases.push(to);
  },
  async dropDatabase(_deps: unknown, _container: string, name: string) {
    if (world.databases.includes(name)) world.done.push("drop the copy");
    world.databases = world.databases.filter((one) => one !== name);
  },
  async renameDatabases(_deps: unknown, _container: string, names: [string, string][]) {
    world.done.push(
      `rename ${names.map(([from, to]) => `${from.replace(/_\d+/, "")} to ${to.replace(/_\d+/, "")}`).join(", ")}`,
    );
    world.databases = world.databases.map((one) => names.find(([from]) => from === one)?.[1] ?? one);
    world.inventory = world.saved;
  },
}));

const before: Inventory = { schemaVersion: "1", schemaChecksum: "x", rows: { "public.agents": 0 }, agents: [] };
const migrated: Inventory = { ...before, schemaVersion: "2", schemaChecksum: "y" };
const lostAgent: Inventory = { ...migrated, rows: { "public.agents": 7 } };

let run: Run;
let begun: UpgradeOperation;
beforeEach(async () => {
  Object.assign(world, { done: [], databases: ["letta"], inventory: before, saved: undefined, onUp: () => {} });
  fakeDocker(dockerAnswers({ "rm --force": {}, "volume rm": {} }));
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:lettaVersion: 0.16.5\n" });
  const names = lettaNames("letta");
  const place = { container: names.postgres, database: "letta" };
  const site = { stack: "letta", prefix: "letta", letta: lettaOutputs, names, backups: undefined, place };
  run = { deps: fakeDeps({ projectDirectory }), site };
  begun = await saveOperation<UpgradeOperation>(run.deps, {
    ...{ kind: "letta-upgrade", stack: "letta", id: "20261124000000", phase: "rehearse", what: "letta" },
    from: { version: "0.16.5", reference: "letta:0.16.5", configured: "0.16.5" },
    to: { version: "0.16.8", reference: "letta:0.16.8" },
    ...{ startedAt: "2026-11-24T00:00:00Z", timings: {} },
  });
});

const configured = () => readConfigFile(run.deps, "letta").lettaVersion;
const isEnded = () => !existsSync(join(run.deps.projectDirectory, ".state/operations/letta.json"));
const secured = async () => save(run, await drain(run, begun, 0));
const switchOver = async () => conclude(run, await enter(run, await secured(), "switch"));
const secure = ["keep out runs", "keep out all", "copy letta"];

describe("an upgrade that works", () => {
  test("keeps clients out until all is as it was, and removes the copy", async () => {
    world.onUp = () => {
      world.inventory = migrated;
    };
    expect(await switchOver()).toMatchObject({ result: "upgraded" });
    expect(world.done).toEqual([...secure, "up", "let in", "drop the copy"]);
    expect([configured(), isEnded()]).toEqual(["0.16.8", true]);
  });

  test("leaves a page that says what was done", async () => {
    const { report } = await switchOver();
    const page = readFileSync(report ?? "", "utf8");
    for (const text of ["Letta 0.16.5 -> 0.16.8: upgraded", "switch took", "clients kept out", "0 agents with"]) {
      expect(page).toContain(text);
    }
  });
});

describe("goes back by itself", () => {
  const failOnce = (left: Inventory) => {
    world.onUp = () => {
      world.onUp = () => {};
      world.inventory = left;
      throw new Error("the migration failed");
    };
  };
  const restored = "rename letta to letta_failed, letta_before to letta";

  test("with the data from before, when the schema moved", async () => {
    failOnce(migrated);
    const result = await switchOver();
    expect(result).toMatchObject({ result: "returned", problem: "the migration failed" });
    expect(result.operation?.kept).toBe("letta_failed_20261124000000");
    expect(world.done).toEqual([...secure, "up", "repair", restored, "up", "let in"]);
    expect([configured(), isEnded()]).toEqual(["0.16.5", true]);
  });

  test("with the data as it is, when nothing has changed", async () => {
    failOnce(before);
    const result = await switchOver();
    expect(result.result).toBe("returned");
    expect(result.operation?.kept).toBeUndefined();
    expect(world.done).toEqual([...secure, "up", "repair", "up", "let in", "drop the copy"]);
  });

  test("also from a version that comes up and has lost something", async () => {
    world.onUp = () => {
      world.onUp = () => {};
      world.inventory = lostAgent;
    };
    const result = await switchOver();
    expect(result.problem).toContain("table public.agents: 0 rows before, 7 after");
    expect(world.done).toContain(restored);
  });

  test("to a config that named no version", async () => {
    begun = await enter(run, begun, "rehearse", { from: { ...begun.from, configured: null } });
    failOnce(migrated);
    await switchOver();
    expect(configured()).toBeUndefined();
  });

  test("and tells when that fails too, and what to do then", async () => {
    world.onUp = () => {
      throw new Error("no disk");
    };
    await expect(switchOver()).rejects.toThrow("no disk");
    expect([configured(), isEnded()]).toEqual(["0.16.5", false]);
  });
});

test("what fails before the switch leaves the old version, and no copy", async () => {
  const operation = await drain(run, begun, 0);
  const result = await attempt(run, begun, async () => {
    await save(run, operation);
    throw new Error("no space");
  });
  expect(result).toMatchObject({ result: "not begun", problem: "no space" });
  expect(world.done).toEqual([...secure, "repair", "up", "drop the copy", "let in"]);
  expect([configured(), isEnded()]).toEqual(["0.16.5", true]);
});

describe("killed in", () => {
  const killedIn = async (phase: UpgradeOperation["phase"]) => enter(run, await secured(), phase);
  const resume = (operation: UpgradeOperation) => {
    world.done = [];
    return conclude(run, operation);
  };

  test("rehearse: nothing but the rehearsal is removed", async () => {
    await abandon(run, begun);
    expect(world.done).toEqual([]);
    expect(isEnded()).toBe(true);
  });

  test("switch, before anything: the new version is brought up", async () => {
    const operation = await killedIn("switch");
    expect(await resume(operation)).toMatchObject({ result: "upgraded" });
    expect(world.done).toEqual(["up", "let in", "drop the copy"]);
  });

  test("open: clients are let in", async () => {
    expect(await resume(await killedIn("open"))).toMatchObject({ result: "upgraded" });
    expect(world.done).toEqual(["let in", "drop the copy"]);
  });

  test("return, before the databases changed names", async () => {
    const operation = await enter(run, await secured(), "return", { problem: "it failed" });
    world.inventory = migrated;
    expect(await resume(operation)).toMatchObject({
      result: "returned",
      operation: { kept: databaseNames(begun).failed },
    });
    expect(world.inventory).toBe(before);
  });

  test("return, after they did: they do not change back", async () => {
    const operation = await enter(run, await secured(), "return", { problem: "it failed" });
    world.databases = ["letta", databaseNames(begun).failed];
    expect(await resume(operation)).toMatchObject({
      result: "returned",
      operation: { kept: databaseNames(begun).failed },
    });
    expect(world.done).toEqual(["repair", "up", "let in"]);
  });

  test("reopen: clients are let in to the old version", async () => {
    const operation = await enter(run, await secured(), "reopen", { problem: "it failed" });
    expect(await resume(operation)).toMatchObject({ result: "returned", problem: "it failed" });
  });
});
