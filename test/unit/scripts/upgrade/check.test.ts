import { describe, expect, test } from "vitest";
import { differences, type Inventory, pendingMigrations, summary } from "../../../../scripts/upgrade/check.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswer, fakeDocker } from "../../../support/fake-docker.ts";

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
    ["a table with other rows", { rows: { ...rows, "public.messages": 3 } }, ["rows of public.messages: 4 -> 3"]],
    [
      "a table that is gone with its rows, but not an empty one",
      { rows: { "public.agents": 2, "public.runs": 7 } },
      ["rows of public.messages: 4 -> not there"],
    ],
    ["not a new table", { rows: { ...rows, "public.new": 9 } }, []],
    ["not, unless exact, a table of the server's own", { rows: { ...rows, "public.runs": 8 } }, []],
  ])("are %s", (_what, changes, expected) => {
    const before = inventory({ rows: { ...rows, "public.old": 0 } });
    expect(differences(before, inventory(changes), { exact: false })).toEqual(expected);
  });

  test("count also in the server's own tables where no server was at work", () => {
    const after = inventory({ rows: { ...rows, "public.runs": 8 } });
    expect(differences(inventory(), after, { exact: true })).toEqual(["rows of public.runs: 7 -> 8"]);
  });
});

test("a summary has the sums", () => {
  expect(summary(inventory())).toBe("2 agents, 13 rows in 3 tables");
});

const pending = (answer: FakeAnswer) => {
  fakeDocker({
    "exec -i letta-postgres psql": { stdout: "45402909a46b\n" },
    "run --rm --network none --entrypoint alembic letta:2 history -r 45402909a46b:head": answer,
  });
  return pendingMigrations(fakeDeps(), "letta:2", { container: "letta-postgres", database: "letta" });
};

test("an image's migrations after a revision are listed in their order", async () => {
  const [first, second] = ["45402909a46b -> 9fa274fb0b83, backfill", "9fa274fb0b83 -> a08c972e781b (head), add index"];
  const stdout = `${second}\n${first}\nb2c3d4e5f6a8 -> 45402909a46b, add concurrent indexes\n`;
  expect(await pending({ stdout })).toEqual([first, second]);
});

test("an image that is older than the database is refused, with a command that exists", async () => {
  const answer = { exitCode: 255, stdout: "FAILED: Can't locate revision identified by '45402909a46b'\n" };
  await expect(pending(answer)).rejects.toThrow(/which letta:2 does not know.*\n.*make backup-list/);
});
