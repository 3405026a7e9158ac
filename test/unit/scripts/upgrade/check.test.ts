import { describe, expect, test } from "vitest";
import { differences, type Inventory, summary } from "../../../../scripts/upgrade/check.ts";

const agent = (id: string, checksum = "a") => ({ id, name: `name of ${id}`, checksum });
const inventory = (changes: Partial<Inventory> = {}): Inventory => ({
  ...{ schemaVersion: "1", agents: [agent("a"), agent("b")] },
  rows: { "public.agents": 2, "public.messages": 4, "public.runs": 7 },
  ...changes,
});
const { rows } = inventory();

describe("differences", () => {
  test.each<[string, Partial<Inventory>, string[]]>([
    ["none, whatever became of the schema", { schemaVersion: "2" }, []],
    ["an agent that is gone", { agents: [agent("a")] }, ["agent name of b (b): is gone"]],
    ["an agent that was not there", { agents: [agent("a"), agent("b"), agent("c")] }, ["agent name of c (c): is new"]],
    [
      "an agent with other texts",
      { agents: [agent("a"), agent("b", "b")] },
      ["agent name of b (b): its texts, messages, blocks, passages or tools differ"],
    ],
    ["a table with fewer rows", { rows: { ...rows, "public.messages": 3 } }, ["rows of public.messages: 4 -> 3"]],
    ["a table with more rows", { rows: { ...rows, "public.messages": 5 } }, ["rows of public.messages: 4 -> 5"]],
    [
      "a table that is gone with its rows",
      { rows: { "public.agents": 2, "public.runs": 7 } },
      ["rows of public.messages: 4 -> not there"],
    ],
    ["not a new table", { rows: { ...rows, "public.new": 9 } }, []],
    ["not, or only when exact, a table of the server's own", { rows: { ...rows, "public.runs": 8 } }, []],
  ])("are %s", (_what, changes, expected) => {
    expect(differences(inventory(), inventory(changes), { exact: false })).toEqual(expected);
  });

  test("count also in the server's own tables where no server was at work", () => {
    const after = inventory({ rows: { ...rows, "public.runs": 8 } });
    expect(differences(inventory(), after, { exact: true })).toEqual(["rows of public.runs: 7 -> 8"]);
  });

  test("are none in an empty table that is gone", () => {
    const before = inventory({ rows: { ...rows, "public.old": 0 } });
    expect(differences(before, inventory(), { exact: true })).toEqual([]);
  });
});

test("a summary has the sums", () => {
  expect(summary(inventory())).toBe("2 agents, 13 rows in 3 tables");
});
