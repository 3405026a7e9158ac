import { describe, expect, test } from "vitest";
import { expireBackups } from "../../../../scripts/backup/expire.ts";
import { recoveryKey } from "../../../../scripts/backup/key.ts";
import { listBackups, renderRepository } from "../../../../scripts/backup/list.ts";
import { backupNow } from "../../../../scripts/backup/now.ts";
import { makePoint } from "../../../../scripts/backup/point.ts";
import { verifyBackups } from "../../../../scripts/backup/verify.ts";
import { backedUpStack, record, repository } from "../../../support/fake-backups.ts";
import { agentResult } from "../../../support/fake-stacks.ts";

const stack = "letta";

describe("backup now", () => {
  test("asks the agent for it and shows what came of it", async () => {
    const { programs, deps } = backedUpStack();
    expect(await backupNow({ stack, json: false, type: "full" }, deps)).toBe(0);
    expect(programs.calls()).toContain("docker exec letta-backup backup now --type full");
    expect(deps.printed).toEqual(["full backup 20261122-031700F: 3.0 GiB read of 4.0 GiB, in 1 min 1 s"]);
  });

  test("for machines prints the record and nothing else", async () => {
    const { deps } = backedUpStack();
    await backupNow({ stack, json: true }, deps);
    expect(deps.printed.map((line) => JSON.parse(line))).toEqual([record]);
  });
});

describe("backup list", () => {
  test("shows backups, the moments and the named points", async () => {
    const { deps } = backedUpStack();
    expect(await listBackups({ stack, json: false }, deps)).toBe(0);
    const [row, ...rest] = deps.printed.filter((line) => !/^[┌└]|^│ backup|^backups of/.test(line));
    expect(row?.split(/ *│ */).slice(1, -1)).toEqual([
      ...["20261122-031700F", "full", "2026-11-22 03:18:01 UTC", "1 min 1 s", "4.0 GiB", "1.0 GiB", "good"],
    ]);
    expect(rest).toEqual([
      "every second can be restored: 2026-11-22 03:18:01 UTC to 2026-11-22 12:00:00 UTC",
      "named points:",
      "  good  2026-11-22 10:00:00 UTC",
    ]);
  });

  test.each([
    [
      "an empty repository",
      { backups: [], pointInTime: null, points: [] },
      "stack letta has no backup yet: make backup",
    ],
    ["a backup of damaged data", { backups: [{ ...record, error: true }] }, "WRONG CHECKSUMS"],
  ])("of %s says so", (_what, changes, text) => {
    expect(renderRepository(stack, { ...repository, ...changes }).join("\n")).toContain(text);
  });
});

test("backup verify shows each check", async () => {
  const checks = [{ name: "WAL without a gap", ok: true, detail: "5 segments" }];
  const { deps } = backedUpStack({ docker: { "exec letta-backup backup verify": agentResult({ ok: true, checks }) } });
  expect(await verifyBackups({ stack, json: false }, deps)).toBe(0);
  expect(deps.printed).toEqual(["  ok     WAL without a gap  5 segments"]);
});

test("backup verify of a damaged repository fails with what is damaged", async () => {
  const stdout = '{"event":"error","problem":"the repository is damaged","fix":"make backup"}';
  const { deps } = backedUpStack({ docker: { "exec letta-backup backup verify": { stdout, exitCode: 1 } } });
  await expect(verifyBackups({ stack, json: true }, deps)).rejects.toThrow(
    "the repository is damaged\n  fix: make backup",
  );
});

test.each([
  [[], "nothing is older than the retention"],
  [["a", "b"], "removed: a, b"],
])("backup expire that removed %j says so", async (removed, text) => {
  const { deps } = backedUpStack({ docker: { "exec letta-backup backup expire": agentResult({ removed }) } });
  expect(await expireBackups({ stack, json: false }, deps)).toBe(0);
  expect(deps.printed).toEqual([text]);
});

test("backup point tells how to come back to it", async () => {
  const { programs, deps } = backedUpStack();
  expect(await makePoint({ stack, json: false, name: "good" }, deps)).toBe(0);
  expect(programs.calls()).toContain("docker exec letta-backup backup point good");
  expect(deps.printed).toEqual(["point good at 2026-11-22 10:00:00 UTC; to go back: make restore POINT=good"]);
});

describe("backup key", () => {
  test("does not print the key unless told to", async () => {
    const { deps } = backedUpStack();
    expect(await recoveryKey({ stack, showSecrets: false }, deps)).toBe(0);
    expect(deps.printed.join("\n")).not.toContain("recovery-key");
    expect(deps.printed.at(-1)).toBe("print it: make backup-key SHOW=1");
  });

  test.each([
    ["on a terminal with what it is for", true, 3],
    ["into a file alone", false, 1],
  ])("prints it %s", async (_how, isTerminal, lines) => {
    const { deps } = backedUpStack({ isTerminal });
    await recoveryKey({ stack, showSecrets: true }, deps);
    expect(deps.printed).toHaveLength(lines);
    expect(deps.printed.at(-1)?.trim()).toBe("recovery-key");
  });
});
