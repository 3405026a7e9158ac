import { describe, expect, test } from "vitest";
import { encryptedBytes } from "../../../images/backup/src/engines/core-archive.ts";
import { neededRanges } from "../../../images/backup/src/engines/core-expire.ts";
import type { CoreRecord } from "../../../images/backup/src/engines/core-records.ts";
import {
  parseHistory,
  segmentAt,
  segmentBefore,
  segmentIndex,
  segmentName,
} from "../../../images/backup/src/engines/core-segments.ts";
import { missingOf } from "../../../images/backup/src/engines/core-verify.ts";
import { isOn, rangesFrom, timelineAt, type Wal, walOf } from "../../../images/backup/src/engines/core-wal.ts";

const segmentBytes = 16_777_216;
const cluster = { systemId: "7", segmentBytes };

/** A backup between two positions of the WAL. */
function backup(timeline: number, startLsn: string, stopLsn: string): CoreRecord {
  return {
    ...{ label: `${timeline}-${startLsn}`, type: "full", parent: null, systemId: "7", timeline, startLsn, stopLsn },
    ...{ segmentBytes, startSegment: segmentAt(timeline, startLsn, segmentBytes) },
    ...{ stopSegment: segmentBefore(timeline, stopLsn, segmentBytes), startedAt: "", stoppedAt: "" },
    ...{ bytes: 1, repositoryBytes: 1, databaseBytes: 1, error: false },
  };
}

const file = (name: string, isPartial = false) => ({ name, isPartial, modifiedAt: new Date(0) });
/** Segments of a timeline by their numbers; a negative number is one of which there is only the beginning. */
const segments = (timeline: number, ...numbers: number[]) =>
  numbers.map((number) => file(segmentName(timeline, Math.abs(number), segmentBytes), number < 0));
const history = (timeline: number, since: string, ...ends: [timeline: number, end: string][]) => ({
  timeline,
  since: new Date(since),
  ancestors: ends.map(([of, end]) => ({ timeline: of, end })),
});

describe("names of segments", () => {
  test("are those of Postgres", () => {
    expect(segmentAt(1, "1/E000028", segmentBytes)).toBe("00000001000000010000000E");
    expect(segmentAt(0x1b, "2/FF000000", segmentBytes)).toBe("0000001B00000002000000FF");
    expect(segmentName(1, segmentIndex("0000000100000001000000FF", segmentBytes) + 1, segmentBytes)).toBe(
      "000000010000000200000000",
    );
  });

  test("a position at the end of a segment belongs to it when it is where WAL ends", () => {
    expect(segmentBefore(1, "0/3000000", segmentBytes)).toBe("000000010000000000000002");
    expect(segmentBefore(1, "0/3000028", segmentBytes)).toBe("000000010000000000000003");
  });

  test("another size of segments has other names", () => {
    expect(segmentAt(1, "1/E000028", 67_108_864)).toBe("000000010000000100000003");
  });
});

test("a timeline's history names those it comes from", () => {
  const text = "1\t0/3000060\tno recovery target specified\n\n2\t0/5000000\tbefore 2026-11-24\n";
  expect(parseHistory(text)).toEqual([
    { timeline: 1, end: "0/3000060" },
    { timeline: 2, end: "0/5000000" },
  ]);
});

test("the size of an encrypted file follows from that of its content", () => {
  expect([0, 1, 65_536, 65_537].map(encryptedBytes)).toEqual([32, 49, 65_584, 65_601]);
});

describe("the WAL that a restore reads", () => {
  const first = backup(1, "0/3000028", "0/3000158");

  test("is without a gap up to the segment of which there is only the beginning", () => {
    const wal = walOf(segments(1, 2, 3, 4, 5, -6), [], cluster);
    expect(missingOf([first], wal)).toEqual([]);
  });

  test("what is missing in between or not whole is named; what is older than the backup is not missed", () => {
    const wal = walOf(segments(1, 3, -5, 7), [], cluster);
    expect(missingOf([first], wal).map((name) => Number.parseInt(name.slice(-2), 16))).toEqual([4, 5, 6]);
  });

  test("the segment that a backup ends in is missed when there is nothing of it", () => {
    const wal = walOf(segments(1, 3), [], cluster);
    expect(missingOf([backup(1, "0/3000028", "0/4000158")], wal)).toEqual(["000000010000000000000004"]);
  });

  test("a file that is there whole and as a beginning is whole", () => {
    expect(missingOf([first], walOf([...segments(1, 3, -4), ...segments(1, 4, 5)], [], cluster))).toEqual([]);
    expect(missingOf([first], walOf([...segments(1, 3, 4), ...segments(1, -4, 5)], [], cluster))).toEqual([]);
  });

  test("goes on along another timeline from the segment in which the first was left", () => {
    const second = history(2, "2026-11-24T00:00:00Z", [1, "0/5000060"]);
    const wal = walOf([...segments(1, 3, 4, 5, 6, -7), ...segments(2, 5, 6, -7)], [second], cluster);
    expect(rangesFrom(first, wal, second)).toEqual([
      { timeline: 1, from: 3, to: 4 },
      { timeline: 2, from: 5, to: 7 },
    ]);
    expect(missingOf([first], wal)).toEqual([]);
  });

  test("a gap before another timeline begins is one", () => {
    const second = history(2, "2026-11-24T00:00:00Z", [1, "0/5000060"]);
    const wal = walOf([...segments(1, 3), ...segments(2, 5, 6)], [second], cluster);
    expect(missingOf([first], wal)).toEqual(["000000010000000000000004"]);
  });

  test("a backup made after a timeline was left is not on the one that left it", () => {
    const second = history(2, "2026-11-24T00:00:00Z", [1, "0/5000060"]);
    expect(isOn(first, second)).toBe(true);
    expect(isOn(backup(1, "0/6000028", "0/6000158"), second)).toBe(false);
    expect(isOn(backup(2, "0/6000028", "0/6000158"), second)).toBe(true);
  });

  test("a time is on the timeline that was the live one then", () => {
    const wal: Wal = walOf(
      segments(1, 3),
      [history(2, "2026-11-24T10:00:00Z", [1, "0/5000060"]), history(3, "2026-11-24T12:00:00Z", [1, "0/4000060"])],
      cluster,
    );
    const at = (time: string) => timelineAt(wal, new Date(time))?.timeline;
    expect([at("2026-11-24T09:59:59Z"), at("2026-11-24T10:00:00Z"), at("2026-11-24T13:00:00Z")]).toEqual([1, 2, 3]);
    expect(timelineAt(wal)?.timeline).toBe(3);
  });

  test("expiry keeps all of it, on every timeline that goes on from a kept backup, and nothing else", () => {
    const histories = [history(2, "2026-11-24T10:00:00Z", [1, "0/5000060"])];
    const wal = walOf([...segments(1, 2, 3, 4, 5, 6), ...segments(2, 5, 6, 7, -8)], histories, cluster);
    expect(neededRanges([first], wal)).toEqual([
      { timeline: 1, from: 3, to: 6 },
      { timeline: 1, from: 3, to: 4 },
      { timeline: 2, from: 5, to: 8 },
    ]);
    expect(neededRanges([backup(2, "0/7000028", "0/7000158")], wal)).toEqual([{ timeline: 2, from: 7, to: 8 }]);
  });
});
