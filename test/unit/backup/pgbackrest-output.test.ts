import { describe, expect, test } from "vitest";
import { parseInfo, parseProgress, parseVerify } from "../../../images/backup/src/pgbackrest/output.ts";
import { choose, parseTimelines } from "../../../images/backup/src/pgbackrest/timelines.ts";
import { backupRecord } from "../../support/fake-world.ts";

/** As pgBackRest 2.55.1 prints them. */
const backup = {
  label: "20261124-013744F",
  type: "full",
  error: false,
  timestamp: { start: 1795484264, stop: 1795484265 },
  archive: { start: "000000010000000000000003", stop: "000000010000000000000003" },
  info: { size: 23421915, delta: 23421915, repository: { delta: 2822872, "delta-map": 24768 } },
};
const info = (changes: object = {}) =>
  JSON.stringify([
    {
      archive: [{ id: "17-1", min: "000000010000000000000001", max: "000000010000000000000004" }],
      backup: [backup],
      status: { code: 0, message: "ok", lock: { backup: { held: false } } },
      ...changes,
    },
  ]);
const sound = `stanza: main
status: ok
  archiveId: 17-1, total WAL checked: 4, total valid WAL: 4
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20261124-013744F, status: valid, total files checked: 966, total valid files: 966
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
`;

describe("info", () => {
  test("is read into this project's own terms", () => {
    expect(parseInfo(info())).toEqual({
      newestSegment: "000000010000000000000004",
      archiveId: "17-1",
      backups: [
        {
          label: "20261124-013744F",
          type: "full",
          startedAt: "2026-11-24T01:37:44.000Z",
          stoppedAt: "2026-11-24T01:37:45.000Z",
          bytes: 23421915,
          repositoryBytes: 2822872,
          databaseBytes: 23421915,
          error: false,
          timeline: 1,
        },
      ],
    });
  });

  test("without a stanza or without backups is empty", () => {
    expect(parseInfo("[]")).toEqual({ backups: [], newestSegment: null, archiveId: null });
    const status = { code: 2, message: "no valid backups" };
    const empty = info({ backup: [], archive: [], status });
    expect(parseInfo(empty)).toEqual({ backups: [], newestSegment: null, archiveId: null });
  });

  test("that cannot be decrypted is an error that names the key", () => {
    const status = { code: 99, message: "other" };
    expect(() => parseInfo(info({ status }))).toThrow("the recovery key is another");
    expect(() => parseInfo('[{"status":{"message":"\u0001"}}]')).toThrow("the recovery key is another");
  });

  test("keeps what a page with a wrong checksum did to a backup", () => {
    expect(parseInfo(info({ backup: [{ ...backup, error: true }] })).backups[0]?.error).toBe(true);
  });
});

test("progress is what a file's line says, also of one in a bundle", () => {
  const line =
    "2026-11-24 01:37:45.272 P01 DETAIL: backup file /data/pgdata/base/1/1247 (bundle 2/207128, 120KB, 99.89%) checksum 6d";
  expect(parseProgress(line)).toBe(99.89);
  expect(parseProgress("P01 DETAIL: restore file /x/base/5/1259 (16KB, 3.2%) checksum 1f")).toBe(3.2);
  expect(parseProgress("P00   INFO: new backup label = 20261124-013744F")).toBeUndefined();
});

describe("verify", () => {
  test("is good when all of it is, also while a backup is being made", () => {
    expect(parseVerify(sound)).toMatchObject({ ok: true });
    const running =
      "  backup: 20261124-013744F_20261124-013746I, status: in-progress, total files checked: 0, total valid files: 0\n";
    expect(parseVerify(sound + running)).toMatchObject({ ok: true });
  });

  test.each([
    ["an error", sound.replace("status: ok", "status: error")],
    ["a missing file", sound.replace("missing: 0", "missing: 1")],
    ["a wrong checksum", sound.replace("checksum invalid: 0", "checksum invalid: 2")],
    ["an invalid backup", sound.replace("status: valid", "status: invalid")],
    ["nothing at all", ""],
  ])("is bad with %s", (_, text) => {
    expect(parseVerify(text).ok).toBe(false);
  });
});

describe("a restore", () => {
  // At 10:05 the state of 09:00 was made the live one.
  const files = { "00000002.history": { time: Date.parse("2026-11-24T10:05:00Z") / 1000 }, "0000000100000000": {} };
  const timelines = parseTimelines(JSON.stringify(files));
  const record = (label: string, stoppedAt: string, timeline: number) => {
    return { ...backupRecord(`2026-11-24T${stoppedAt}:00Z`, { label }), timeline };
  };
  const backups = [record("early", "08:00", 1), record("left", "09:30", 1), record("new", "10:06", 2)];
  const at = (time: string) => ({ type: "time", time: `2026-11-24T${time}:00Z` }) as const;
  const chosen = (time: string) => {
    const { backup, timeline } = choose(at(time), backups, timelines) ?? {};
    return [backup?.label, timeline];
  };

  test("goes along the timeline that was the live one at its target", () => {
    expect(chosen("09:15")).toEqual(["early", 1]);
    expect(chosen("10:00")).toEqual(["left", 1]);
    expect(chosen("11:00")).toEqual(["new", 2]);
  });

  test("to the latest state is on the newest timeline, and to a name on that of its time", () => {
    expect(choose({ type: "latest" }, backups, timelines)).toMatchObject({ backup: { label: "new" }, timeline: 2 });
    const point = { type: "name", name: "p", at: new Date("2026-11-24T09:30:01Z") } as const;
    expect(choose(point, backups, timelines)).toMatchObject({ backup: { label: "left" }, timeline: 1 });
  });

  test("knows a timeline without a history from its first backup", () => {
    expect(parseTimelines("{}", backups).map(({ id }) => id)).toEqual([1, 2]);
  });

  test("has no backup before the oldest one", () => {
    expect(choose(at("07:00"), backups, timelines)).toBeUndefined();
  });
});
