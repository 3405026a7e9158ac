import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Swap } from "../../../../scripts/lib/databases.ts";
import { type NewOperation, saveOperation } from "../../../../scripts/lib/operation.ts";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { carryOut, resumeChange } from "../../../../scripts/upgrade/change.ts";
import type { Inventory } from "../../../../scripts/upgrade/check.ts";
import { type Adoption, type Change, type Run, readRun, type Upgrade } from "../../../../scripts/upgrade/operation.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import { dockerAnswers, lettaOutputs } from "../../../support/fake-stacks.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

/** The stack, as far as a change has to do with it. */
const world = vi.hoisted(() => ({
  /** What the steps did, in order. */
  done: [] as string[],
  /** Database -> what it holds. */
  databases: {} as Record<string, unknown>,
  /** What the next runs of `pulumi up` do, and then nothing. */
  ups: [] as (() => void)[],
}));
vi.mock("../../../../scripts/lib/pulumi.ts", () => ({
  up: async () => {
    world.done.push("up");
    world.ups.shift()?.();
  },
}));
vi.mock("../../../../scripts/lib/repair.ts", () => ({ repair: async () => world.done.push("repair") }));
vi.mock("../../../../scripts/lib/stacks.ts", async (original) => ({
  ...(await original<object>()),
  stopContainers: async () => {},
  readLetta: async () => ({ ...lettaOutputs, backup: { enabled: false } }),
}));
vi.mock("../../../../scripts/lib/clients.ts", () => ({ findClients: async () => [] }));
vi.mock("../../../../scripts/lib/psql.ts", async (original) => ({
  ...(await original<object>()),
  isPostgresUp: async () => true,
  psql: async (_deps: unknown, _container: string, sql: string) => {
    const [, to = "", from = ""] = /create database "(\w+)" template "(\w+)"/.exec(sql) ?? [];
    if (to !== "") {
      world.done.push(`copy ${from}`);
      world.databases[to] = world.databases[from];
    }
    return [];
  },
}));
vi.mock("../../../../scripts/lib/databases.ts", () => ({
  copySettings: async () => {},
  disconnect: () => "",
  listDatabases: async () => Object.keys(world.databases),
  dropDatabase: async (_deps: unknown, _container: string, name: string) => {
    delete world.databases[name];
  },
  swapDatabases: async (_deps: unknown, _container: string, swaps: Swap[]) => {
    for (const { database, incoming, kept } of swaps.filter((swap) => swap.incoming in world.databases)) {
      world.done.push(`swap ${database}`);
      world.databases[kept] = world.databases[database];
      world.databases[database] = world.databases[incoming];
      delete world.databases[incoming];
    }
  },
}));
vi.mock("../../../../scripts/upgrade/check.ts", async (original) => ({
  ...(await original<object>()),
  takeInventory: async () => world.databases.letta,
}));
vi.mock("../../../../scripts/upgrade/drain.ts", () => ({
  keepOut: async (_deps: unknown, _site: unknown, what: string) => world.done.push(`keep out ${what}`),
  letIn: async () => world.done.push("let in"),
  awaitRuns: async () => {},
}));

const empty: Inventory = { schemaVersion: "1", rows: { "public.agents": 0 }, agents: [] };
const migrated: Inventory = { ...empty, schemaVersion: "2" };
const changed: Inventory = { ...migrated, rows: { "public.agents": 7 } };
const old: Inventory = { ...empty, rows: { "public.agents": 3 } };

const id = "20261124000000";
const options = { stack: "letta", dryRun: false, drainSeconds: 0, yes: true, resume: false };
const common = { stack: "letta", id, phase: "prepare", databases: ["letta"] } as const;
const upgrade: NewOperation<Upgrade> = {
  ...{ ...common, kind: "letta-upgrade", resume: "make letta-upgrade RESUME=1", what: "letta" },
  from: { version: "0.16.5", reference: "letta:0.16.5", configured: "0.16.5" },
  to: { version: "0.16.8", reference: "letta:0.16.8" },
};
const adoption = { ...common, kind: "letta-adopt", resume: "make adopt", volume: "old" } as const;

let run: Run;
beforeEach(async () => {
  Object.assign(world, { done: [], databases: { letta: empty }, ups: [] });
  fakeDocker(dockerAnswers({ "rm --force": {}, "volume rm": {}, "start letta-postgres": {} }));
  const projectDirectory = temporaryFiles({ "Pulumi.letta.yaml": "config:\n  thoth-letta:lettaVersion: 0.16.5\n" });
  run = await readRun(fakeDeps({ projectDirectory }), "letta", "letta-upgrade");
});

const configured = () => readConfigFile(run.deps, "letta").lettaVersion;
const isEnded = () => !existsSync(join(run.deps.projectDirectory, ".state/operations/letta.json"));
const upgradeIt = (changes: Partial<Upgrade> = {}) =>
  carryOut<Upgrade>(run, { ...upgrade, ...changes }, options, async () => ({}));
const adoptIt = () =>
  carryOut<Adoption>(run, adoption, options, async () => {
    world.databases[`letta_incoming_${id}`] = old;
    return { expected: old };
  });
const migrates = () => {
  world.databases.letta = migrated;
};
const loses = () => {
  world.databases.letta = changed;
};
const breaks = () => {
  throw new Error("the migration failed");
};
const fails = () => {
  loses();
  breaks();
};
const stopped = ["keep out runs", "keep out all"];
const secured = [...stopped, "copy letta"];

describe("an upgrade", () => {
  test("keeps clients out until everything is as it was, and removes the copy", async () => {
    world.ups = [migrates];
    expect(await upgradeIt()).toMatchObject({ result: "done", kept: [] });
    expect(world.done).toEqual([...secured, "up", "let in"]);
    expect([configured(), isEnded(), world.databases]).toEqual(["0.16.8", true, { letta: migrated }]);
  });

  test.each([
    ["fails", fails, "the migration failed"],
    ["comes up with other rows", loses, "rows of public.agents: 0 -> 7"],
  ])("that %s is reverted, with the data from before", async (_what, up, problem) => {
    world.ups = [up];
    const kept = [`letta_failed_${id}`];
    expect(await upgradeIt()).toMatchObject({ result: "returned", problem: expect.stringContaining(problem), kept });
    expect(world.done).toEqual([...secured, "up", "repair", "swap letta", "up", "let in"]);
    expect([configured(), isEnded()]).toEqual(["0.16.5", true]);
    expect(world.databases).toEqual({ letta: empty, [`letta_failed_${id}`]: changed });
  });

  test("of Postgres copies nothing, and goes back to the data as it is, and to a config that named no version", async () => {
    world.ups = [breaks];
    const from = { ...upgrade.from, configured: null };
    expect((await upgradeIt({ what: "postgres", databases: [], from })).result).toBe("returned");
    expect(world.done).toEqual([...stopped, "up", "repair", "up", "let in"]);
    expect(readConfigFile(run.deps, "letta")).toEqual({ lettaVersion: "0.16.5" });
  });

  test("whose way back fails says so, and how to resume", async () => {
    world.ups = [fails, fails, fails];
    await expect(upgradeIt()).rejects.toThrow("closed to clients: the migration failed");
    expect([configured(), isEnded()]).toEqual(["0.16.5", false]);
  });

  test.each([
    [
      "cannot be prepared",
      {},
      async () => Promise.reject(new Error("no space")),
      { result: "not begun", problem: "no space" },
    ],
    ["is rehearsed only", { dryRun: true }, async () => ({}), { result: "rehearsed" }],
    ["nobody agreed to", { yes: false }, async () => ({}), { result: "rehearsed" }],
  ])("that %s changes nothing", async (_what, own, prepare, outcome) => {
    expect(await carryOut<Upgrade>(run, upgrade, { ...options, ...own }, prepare)).toEqual(outcome);
    expect([world.done, configured(), isEnded()]).toEqual([[], "0.16.5", true]);
  });
});

describe("an adoption", () => {
  test("swaps the databases, and keeps those from before", async () => {
    const outcome = await adoptIt();
    expect(outcome).toMatchObject({ result: "done", kept: [`letta_before_${id}`] });
    expect(world.done).toEqual([...stopped, "swap letta", "up", "let in"]);
    expect(world.databases).toEqual({ letta: old, [`letta_before_${id}`]: empty });
  });

  test("that fails swaps them back, and keeps nothing", async () => {
    world.ups = [fails];
    expect(await adoptIt()).toMatchObject({ result: "returned", kept: [] });
    expect(world.databases).toEqual({ letta: empty });
  });
});

describe("killed in", () => {
  const failed = `letta_failed_${id}`;
  const copies = { [`letta_before_${id}`]: empty };
  const before = { letta: empty };
  const swapped = { ...before, [failed]: changed };
  const back = ["repair", "up", "let in"];

  test.each<[Change["phase"], string, object, string, string[], object]>([
    ["prepare", "the stack is left alone", {}, "not begun", [], before],
    ["stop", "the old version comes back, and the copy is removed", copies, "not begun", back, before],
    ["switch", "the new version is brought up", copies, "done", ["up", "let in"], before],
    [
      ...(["return", "the databases are swapped", { ...copies, letta: changed }, "returned"] as const),
      ["repair", "swap letta", "up", "let in"],
      swapped,
    ],
    ["return", "after the swap, they are not swapped again", swapped, "returned", back, swapped],
    ["open", "clients are let in", {}, "done", ["let in"], before],
    ["open", "clients are let in, and it is a way back", {}, "returned", ["let in"], before],
  ])("%s: %s", async (phase, _what, databases, result, done, after) => {
    const problem = result === "returned" ? { problem: "it failed" } : {};
    await saveOperation<Change>(run.deps, { ...upgrade, before: empty, expected: empty, phase, ...problem });
    world.databases = { ...before, ...databases };
    expect((await resumeChange(run.deps, "letta", "letta-upgrade")).result).toBe(result);
    expect([world.done, world.databases]).toEqual([["repair", ...done], after]);
    expect([configured(), isEnded()]).toEqual([phase === "switch" ? "0.16.8" : "0.16.5", true]);
  });

  test("nothing: there is nothing to resume", async () => {
    await expect(resumeChange(run.deps, "letta", "letta-adopt")).rejects.toThrow("no adoption of stack letta was");
  });
});
