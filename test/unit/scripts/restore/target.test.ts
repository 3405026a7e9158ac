import { describe, expect, test } from "vitest";
import { formatTarget } from "../../../../images/backup/src/contract.ts";
import { hasLastRecord, parseControlData } from "../../../../scripts/restore/last-record.ts";
import { parseTarget, requireReachable, type TargetOptions } from "../../../../scripts/restore/target.ts";
import { repository } from "../../../support/fake-backups.ts";

describe("the moment to restore", () => {
  test.each([
    [{ latest: true }, "latest"],
    [{ at: "2026-11-22 11:00:00+01:00" }, "time:2026-11-22T10:00:00.000Z"],
    [{ point: "good" }, "name:good"],
  ])("%j is %s to the agent", (options: TargetOptions, agent) => {
    expect(formatTarget(parseTarget(options))).toBe(agent);
  });

  test.each([{}, { latest: true, point: "good" }, { at: "2026-11-22", point: "good" }])(
    "%j is refused: it must be exactly one",
    (options: TargetOptions) => {
      expect(() => parseTarget(options)).toThrow("a restore needs exactly one moment\n  fix: add LATEST=1");
    },
  );

  test("a time that is not valid is refused with an example", () => {
    expect(() => parseTarget({ at: "last tuesday" })).toThrow('"last tuesday" is not a valid time\n  fix: write "2026');
  });

  const at = (options: TargetOptions) => () => requireReachable(parseTarget(options), repository);

  test.each([{ point: "hb_20261122T100000Z" }, { at: "2026-11-22T03:18:02Z" }])(
    "%j is in the repository",
    (options) => {
      expect(at(options)).not.toThrow();
    },
  );

  test.each([
    [{ point: "bad" }, 'there is no restore point "bad"\n  fix: use good'],
    [{ at: "2026-11-22T03:00:00Z" }, "is before the first moment that can be restored, 2026-11-22 03:18:01 UTC"],
    [{ at: "2999-01-01" }, "2999-01-01 00:00:00 UTC is in the future"],
  ])("%j is not in the repository", (options: TargetOptions, problem) => {
    expect(at(options)).toThrow(problem);
  });

  test("is nowhere without a backup", () => {
    const empty = { ...repository, backups: [] };
    expect(() => requireReachable({ type: "latest" }, empty)).toThrow("has no backup yet\n  fix: make backup");
  });
});

describe("the last record of a cluster that was stopped", () => {
  const segmentBytes = 2n ** 24n;

  test.each([
    ["0/3000028", "0/3000028", true, "the replay ends at it"],
    ["0/2000150", "0/3000028", true, "it is the first record of the segment after the one that was replayed last"],
    ["0/2000150", "0/3000100", false, "there are records between the two"],
    ["0/1000150", "0/3000028", false, "there is a segment between the two"],
    ["1/0", "0/FFFFFFFF", true, "the numbers have two parts"],
  ])("a replay to %s has everything up to %s: %s, as %s", (lsn, checkpoint, expected) => {
    expect(hasLastRecord(lsn, { checkpoint, segmentBytes })).toBe(expected);
  });

  test("is read from the output of pg_controldata", () => {
    const text = [
      "Database cluster state:               shut down",
      "Latest checkpoint location:           0/3000028",
      "Latest checkpoint's REDO location:    0/3000028",
      "Bytes per WAL segment:                16777216",
    ].join("\n");
    expect(parseControlData(text)).toEqual({ state: "shut down", checkpoint: "0/3000028", segmentBytes });
    expect(() => parseControlData("")).toThrow('pg_controldata does not report "Database cluster state"');
  });
});
