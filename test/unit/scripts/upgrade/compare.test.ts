import { describe, expect, test } from "vitest";
import { differences, newlyHidden, summary } from "../../../../scripts/upgrade/compare.ts";
import type { AgentRecord, Inventory } from "../../../../scripts/upgrade/inventory.ts";

const agent = (id: string, changes: Partial<AgentRecord> = {}): AgentRecord => ({
  ...{ id, name: `name of ${id}`, isHidden: false, messages: 2, blocks: 1, passages: 0, tools: 3, checksum: "a" },
  ...changes,
});
const inventory = (changes: Partial<Inventory> = {}): Inventory => ({
  ...{ schemaVersion: "1", schemaChecksum: "x", agents: [agent("a"), agent("b")] },
  rows: { "public.agents": 2, "public.messages": 4, "public.runs": 7 },
  ...changes,
});

describe("differences", () => {
  test("of what is the same are none, whatever became of the schema", () => {
    expect(differences(inventory(), inventory({ schemaVersion: "2", schemaChecksum: "y" }), { exact: true })).toEqual(
      [],
    );
  });

  test.each([
    ["an agent that is gone", { agents: [agent("a")] }, ["agent name of b (b): gone"]],
    [
      "an agent that was not there",
      { agents: [agent("a"), agent("b"), agent("c")] },
      ["agent name of c (c): was not there before"],
    ],
    [
      "an agent that lost a message",
      { agents: [agent("a"), agent("b", { messages: 1, checksum: "b" })] },
      ["agent name of b (b): 2 messages before, 1 after"],
    ],
    [
      "an agent whose words are others",
      { agents: [agent("a"), agent("b", { checksum: "b" })] },
      ["agent name of b (b): its texts are not what they were (checksum a before, b after)"],
    ],
    ["an agent that is hidden now, which is nothing", { agents: [agent("a"), agent("b", { isHidden: true })] }, []],
    [
      "a table with fewer rows",
      { rows: { "public.agents": 2, "public.messages": 3, "public.runs": 7 } },
      ["table public.messages: 4 rows before, 3 after"],
    ],
    [
      "a table with more rows",
      { rows: { "public.agents": 2, "public.messages": 5, "public.runs": 7 } },
      ["table public.messages: 4 rows before, 5 after"],
    ],
    [
      "a table that is gone with its rows",
      { rows: { "public.agents": 2, "public.runs": 7 } },
      ["table public.messages: gone, with 4 rows"],
    ],
    ["a table that is new, which is nothing", { rows: { ...inventory().rows, "public.new": 9 } }, []],
  ])("%s", (_what, changes, expected) => {
    expect(differences(inventory(), inventory(changes), { exact: false })).toEqual(expected);
  });

  test("in a table that the server writes by itself count only where no server was at work", () => {
    const after = inventory({ rows: { ...inventory().rows, "public.runs": 8 } });
    expect(differences(inventory(), after, { exact: false })).toEqual([]);
    expect(differences(inventory(), after, { exact: true })).toEqual(["table public.runs: 7 rows before, 8 after"]);
  });

  test("in an empty table that is gone are none", () => {
    const before = inventory({ rows: { ...inventory().rows, "public.old": 0 } });
    expect(differences(before, inventory(), { exact: true })).toEqual([]);
  });
});

test("only agents that were to be seen count as newly hidden", () => {
  const before = inventory({ agents: [agent("a"), agent("b", { isHidden: true }), agent("c")] });
  const after = inventory({ agents: ["a", "b", "c"].map((id) => agent(id, { isHidden: id !== "c" })) });
  expect(newlyHidden(before, after)).toBe(1);
});

test("a summary has the sums", () => {
  expect(summary(inventory())).toBe("2 agents with 4 messages, 2 blocks and 0 passages; 13 rows in 3 tables");
});
