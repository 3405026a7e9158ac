import { describe, expect, test } from "vitest";
import { type Lock, planUpgrade, worstLock } from "../../../../scripts/upgrade/plan.ts";
import { hops } from "../../../../scripts/upgrade/releases.ts";
import { renderPlan } from "../../../../scripts/upgrade/report.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

describe("hops", () => {
  test.each([
    ["0.16.5", "0.16.8", ["0.16.6", "0.16.7", "0.16.8"]],
    ["0.16.7", "0.16.8", ["0.16.8"]],
    // Back, and between versions that are no releases: nothing is known of what lies between.
    ["0.16.8", "0.16.7", ["0.16.7"]],
    ["0.16.8", "0.16.8-own", ["0.16.8-own"]],
    ["0.15.0", "0.16.8", ["0.16.8"]],
  ])("%s -> %s: %j", (from, to, expected) => {
    expect(hops(from, to).map(({ version }) => version)).toEqual(expected);
  });
});

test.each<[Lock[], Lock]>([
  [[], "none"],
  [["none", "brief", "online"], "brief"],
  [["blocks writes", "rows"], "blocks writes"],
  [["blocks all", "unknown"], "unknown"],
])("the worst of %j is %s", (locks, expected) => {
  const operations = locks.map((lock) => ({ what: "x", table: null, lock }));
  expect(worstLock({ revision: "1", title: "", operations })).toBe(expected);
});

describe("a plan", () => {
  const revision = {
    revision: "45402909a46b",
    title: "add indexes",
    operations: [{ what: "create index", table: "messages", lock: "blocks writes" }],
  };
  const plan = (told: unknown, sizes = "") => {
    fakeDocker({
      "run --rm --network none --entrypoint python3 letta:2": { stdout: `a warning\n${JSON.stringify(told)}\n` },
      "exec -i letta-postgres psql": { stdout: sizes },
    });
    const place = { container: "letta-postgres", database: "letta" };
    return planUpgrade(fakeDeps(), place, { from: "0.16.6", to: "0.16.7", image: "letta:2", schemaVersion: "abc" });
  };

  test("has the migrations of the new image, and how large the tables are that they touch", async () => {
    const lines = renderPlan(await plan([revision], "messages|2097152\n"));
    expect(lines).toEqual([
      "upgrade of Letta 0.16.6 -> 0.16.7",
      "  Letta 0.16.7",
      "    agents tagged role:subagent are hidden from lists",
      "    MCP servers on private addresses are refused, but for those in mcpHosts",
      "    default context window 128000 instead of 32000 tokens; contextWindowLimit says otherwise",
      "1 migration, with what each keeps waiting:",
      "  45402909a46b add indexes",
      "    messages (2.0 MiB); blocks writes: writers of the table wait while it is read through",
    ]);
  });

  test("without migrations says so, and asks for no sizes", async () => {
    expect(renderPlan(await plan([])).at(-1)).toBe("no migration: the schema stays as it is");
  });

  test("is refused by an image that is older than the database", async () => {
    await expect(plan({ unknown: "abc" })).rejects.toThrow(
      "the database is at revision abc, which Letta 0.16.7 does not know: it is newer than that",
    );
  });
});
