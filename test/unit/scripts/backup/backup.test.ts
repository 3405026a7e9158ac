import { describe, expect, test } from "vitest";
import { expireBackups } from "../../../../scripts/backup/expire.ts";
import { recoveryKey } from "../../../../scripts/backup/key.ts";
import { listBackups, renderRepository } from "../../../../scripts/backup/list.ts";
import { backupNow } from "../../../../scripts/backup/now.ts";
import { makePoint } from "../../../../scripts/backup/point.ts";
import { verifyBackups } from "../../../../scripts/backup/verify.ts";
import type { Deps } from "../../../../scripts/lib/deps.ts";
import { backedUpStack, record, repository } from "../../../support/fake-backups.ts";
import { agentResult } from "../../../support/fake-stacks.ts";

const stack = "letta";

type Options = { stack: string; json: boolean };
const checks = [{ name: "WAL without a gap", ok: true, detail: "5 segments" }];

test.each<[string, (options: Options, deps: Deps) => Promise<number>, unknown, string]>([
  [
    "now --type full",
    (options, deps) => backupNow({ ...options, type: "full" }, deps),
    record,
    "full backup 20261122-031700F: 3.0 GiB read of 4.0 GiB, in 1 min 1 s",
  ],
  [
    "point good",
    (options, deps) => makePoint({ ...options, name: "good" }, deps),
    { name: "good", at: "2026-11-22T10:00:00.000Z", lsn: "0/1" },
    "point good at 2026-11-22 10:00:00 UTC; to go back: make restore POINT=good",
  ],
  ["verify", verifyBackups, { ok: true, checks }, "  ok     WAL without a gap  5 segments"],
  ["expire", expireBackups, { removed: [] }, "nothing is older than the retention"],
  ["expire", expireBackups, { removed: ["a", "b"] }, "removed: a, b"],
])("backup %s shows what the agent did, and machines get that alone", async (words, command, result, text) => {
  const call = `exec letta-backup backup ${words}`;
  const { programs, deps } = backedUpStack({ docker: { [call]: agentResult(result) } });
  expect(await command({ stack, json: false }, deps)).toBe(0);
  expect(await command({ stack, json: true }, deps)).toBe(0);
  expect(programs.calls()).toContain(`docker ${call}`);
  expect(deps.printed).toEqual([text, JSON.stringify(result)]);
});

test("backup verify of a damaged repository fails with what is damaged", async () => {
  const stdout = '{"event":"error","problem":"the repository is damaged","fix":"make backup"}';
  const { deps } = backedUpStack({ docker: { "exec letta-backup backup verify": { stdout, exitCode: 1 } } });
  const problem = "the repository is damaged\n  fix: make backup";
  await expect(verifyBackups({ stack, json: true }, deps)).rejects.toThrow(problem);
});

test("backup list shows backups, the moments and the named points", async () => {
  const { deps } = backedUpStack();
  expect(await listBackups({ stack, json: false }, deps)).toBe(0);
  const cells = [record.label, "full", "2026-11-22 03:18:01 UTC", "1 min 1 s", "4.0 GiB", "1.0 GiB", "good"];
  const [row, ...rest] = deps.printed.filter((line) => !/^[┌└]|^│ backup|^backups of/.test(line));
  expect(row?.split(/ *│ */).slice(1, -1)).toEqual(cells);
  expect(rest).toEqual([
    "every second can be restored: 2026-11-22 03:18:01 UTC to 2026-11-22 12:00:00 UTC",
    "named points:",
    "  good  2026-11-22 10:00:00 UTC",
  ]);
});

test.each([
  ["an empty repository", { backups: [], points: [] }, "stack letta has no backup yet: make backup"],
  ["a backup of damaged data", { backups: [{ ...record, error: true }] }, "WRONG CHECKSUMS"],
])("backup list of %s says so", (_what, changes, text) => {
  expect(renderRepository(stack, { ...repository, ...changes }).join("\n")).toContain(text);
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
