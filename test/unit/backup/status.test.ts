import { describe, expect, test } from "vitest";
import type { DrillResult } from "../../../images/backup/src/contract.ts";
import { type Observed, type Remembered, statusOf } from "../../../images/backup/src/status.ts";
import { agentSettings, backupRecord } from "../../support/fake-world.ts";

const now = new Date("2026-11-24T12:00:00Z");
const drill: DrillResult = {
  ok: true,
  at: "2026-11-24T04:47:00Z",
  seconds: 12,
  restoreSeconds: 5,
  replaySeconds: 2,
  lossSeconds: 40,
  target: "hb_20261124T044600Z",
  label: "20261124-021700F",
  bytes: 1,
  checks: [],
  problem: null,
  configHash: "a",
};
const remembered: Remembered = { since: "2026-11-01T00:00:00Z" };
const observed: Observed = {
  backups: [backupRecord("2026-11-24T02:17:30Z", { startedAt: "2026-11-24T02:17:00Z" })],
  archiver: { lastArchivedAt: "2026-11-24T11:59:30Z", failing: null, queue: 0 },
  postgresProblem: null,
  lossSeconds: 12,
  drill,
  repositoryProblem: null,
  offsite: undefined,
  running: null,
};
const problems = (change: Partial<Observed>, more: Partial<Remembered> = {}) =>
  statusOf(agentSettings, { ...remembered, ...more }, { ...observed, ...change }, now).problems;

test("is green when all is well", () => {
  const status = statusOf(agentSettings, remembered, observed, now);
  expect(status.problems).toEqual([]);
  expect(status.lastBackup).toMatchObject({ at: "2026-11-24T02:17:30Z", seconds: 30 });
  expect(status.offsite).toEqual({ configured: false });
});

test("tells from when to when can be restored, once both ends are known", () => {
  const { pointInTime } = statusOf(agentSettings, remembered, observed, now);
  expect(pointInTime).toEqual({
    from: observed.backups[0]?.stoppedAt,
    to: new Date(now.getTime() - 12_000).toISOString(),
  });
  const unknown = [{ backups: [] }, { lossSeconds: null }].map((change) =>
    statusOf(agentSettings, remembered, { ...observed, ...change }, now),
  );
  expect(unknown.map((status) => status.pointInTime)).toEqual([null, null]);
});

describe("is red", () => {
  const old = { ...drill, at: "2026-11-22T11:59:00Z" };
  const failed = { ...drill, ok: false, checks: [{ name: "amcheck", ok: false, detail: "index is broken" }] };
  const stuck = { lastArchivedAt: null, failing: "segment 000000010000000000000004", queue: 9 };
  test.each<[string, Partial<Observed>, string]>([
    ["without a backup", { backups: [] }, "there is no backup yet"],
    ["when Postgres cannot archive", { archiver: stuck }, "cannot archive its WAL: segment 000000010000000000000004"],
    ["when WAL piles up", { archiver: stuck }, "9 WAL segments wait"],
    ["when a drill failed", { drill: failed }, "amcheck: index is broken"],
    ["when the last drill is older than two periods", { drill: old }, "there was no drill since"],
    ["without a drill", { drill: undefined }, "there was no drill since"],
    ["when Postgres is down", { postgresProblem: "refused" }, "Postgres does not answer: refused"],
    ["when the repository is not ready", { repositoryProblem: "locked" }, "the repository is not ready: locked"],
    [
      "with wrong page checksums",
      { backups: [backupRecord("2026-11-24T02:17:30Z", { error: true })] },
      "wrong checksums",
    ],
  ])("%s", (_, change, message) => {
    expect(problems(change).join("\n")).toContain(message);
  });

  test("when the repository is damaged, the last backup failed, or the copy elsewhere is behind", () => {
    const at = "2026-11-24T04:37:00Z";
    const offsite = { lastPushAt: null, problem: "no route" };
    const failed = { verify: { at, problem: "missing: 1", checks: [] }, backup: { at, problem: "disk full" } };
    expect(problems({ offsite }, failed).toSorted()).toEqual([
      "the last backup failed: disk full",
      "the off-site copy is behind: no route",
      "the repository is damaged: missing: 1",
    ]);
  });
});

test("a stack of a few minutes may still be without backup and drill", () => {
  const young = { since: "2026-11-24T11:55:00Z" };
  expect(problems({ backups: [], drill: undefined }, young)).toEqual([]);
});
