import { describe, expect, test } from "vitest";
import { hasLastRecord, parseControlData, parseLsn } from "../../../../scripts/restore/last-record.ts";
import { parseTarget, requireReachable } from "../../../../scripts/restore/target.ts";
import { repository } from "../../../support/fake-backups.ts";

describe("the moment to go back to", () => {
  test.each([
    [{ what: "latest" }, "latest"],
    [{ to: "2026-11-22T11:00:00+01:00" }, "time:2026-11-22T10:00:00.000Z"],
    [{ to: "2026-11-22 10:00:00Z" }, "time:2026-11-22T10:00:00.000Z"],
    [{ name: "good" }, "name:good"],
  ])("%j is %s to the agent", (options, agent) => {
    expect(parseTarget(options).agent).toBe(agent);
  });

  test.each([{}, { what: "yesterday" }, { what: "latest", name: "good" }, { to: "2026-11-22", name: "good" }])(
    "%j is none",
    (options) => {
      expect(() => parseTarget(options)).toThrow("a restore needs one moment to go back to");
    },
  );

  test("a time that is none says how to write it", () => {
    expect(() => parseTarget({ to: "last tuesday" })).toThrow('"last tuesday" is no time\n  fix: write it as');
  });

  const at = (options: Parameters<typeof parseTarget>[0]) => () => requireReachable(parseTarget(options), repository);

  test("is one that the repository has", () => {
    expect(at({ name: "good" })).not.toThrow();
    expect(at({ name: "hb_20261122T100000Z" })).not.toThrow();
    expect(at({ to: "2026-11-22T03:18:02Z" })).not.toThrow();
    expect(at({ what: "latest" })).not.toThrow();
  });

  test.each([
    [{ name: "bad" }, 'there is no restore point "bad"\n  fix: there are good'],
    [{ to: "2026-11-22T03:00:00Z" }, "is before the first moment that can be restored, 2026-11-22 03:18:01 UTC"],
    [{ to: "2999-01-01" }, "2999-01-01 00:00:00 UTC is in the future"],
  ])("%j is not", (options, problem) => {
    expect(at(options)).toThrow(problem);
  });

  test("is none without a backup", () => {
    const empty = { ...repository, backups: [] };
    expect(() => requireReachable(parseTarget({ what: "latest" }), empty)).toThrow(
      "has no backup yet\n  fix: make backup",
    );
  });
});

describe("the last record of a cluster that was stopped", () => {
  const segmentBytes = 2n ** 24n;
  const has = (lsn: string, checkpoint: string) =>
    hasLastRecord(parseLsn(lsn), { checkpoint: parseLsn(checkpoint), segmentBytes });

  test.each([
    ["0/3000028", "0/3000028", true, "the replay ends at it"],
    ["0/2000150", "0/3000028", true, "it is the first record of the segment after the one that was replayed last"],
    ["0/2000150", "0/3000100", false, "there are records between the two"],
    ["0/1000150", "0/3000028", false, "there is a segment between the two"],
    ["1/0", "0/FFFFFFFF", true, "the numbers have two parts"],
  ])("a replay to %s has all up to %s: %s, as %s", (lsn, checkpoint, expected) => {
    expect(has(lsn, checkpoint)).toBe(expected);
  });

  test("is what pg_controldata says", () => {
    const text = [
      "Database cluster state:               shut down",
      "Latest checkpoint location:           0/3000028",
      "Latest checkpoint's REDO location:    0/3000028",
      "Bytes per WAL segment:                16777216",
    ].join("\n");
    const checkpoint = 0x3000028n;
    expect(parseControlData(text)).toEqual({ state: "shut down", checkpoint, segmentBytes });
    expect(() => parseControlData("")).toThrow('pg_controldata does not tell "Database cluster state"');
  });
});
