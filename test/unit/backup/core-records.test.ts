import { describe, expect, test } from "vitest";
import { type CoreRecord, chainOf, expired, newLabel } from "../../../images/backup/src/engines/core-records.ts";

const now = Date.parse("2026-11-24T00:00:00Z");

/** A backup that ended so many days ago. */
function backup(label: string, daysAgo: number, parent: string | null = null): CoreRecord {
  const at = new Date(now - daysAgo * 86_400_000).toISOString();
  return {
    ...{ label, type: parent === null ? "full" : "incremental", parent, systemId: "1", timeline: 1 },
    ...{ startLsn: "0/1000028", stopLsn: "0/1000158", segmentBytes: 16_777_216 },
    ...{ startSegment: "000000010000000000000001", stopSegment: "000000010000000000000001" },
    ...{ startedAt: at, stoppedAt: at, bytes: 1, repositoryBytes: 1, databaseBytes: 1, error: false },
  };
}

const labels = (records: readonly CoreRecord[] | undefined) => records?.map(({ label }) => label);

describe("a chain of backups", () => {
  test("has all that a backup stands on, the full one first", () => {
    const records = [backup("F", 3), backup("F_a", 2, "F"), backup("F_b", 1, "F_a")];
    expect(labels(chainOf(records[2] as CoreRecord, records))).toEqual(["F", "F_a", "F_b"]);
  });

  test("is none when a link is missing", () => {
    const records = [backup("F", 3), backup("F_b", 1, "F_a")];
    expect(chainOf(records[1] as CoreRecord, records)).toBeUndefined();
  });
});

describe("labels", () => {
  const at = new Date("2026-11-24T01:30:00.250Z");

  test("tell the time and the type, and the full backup before it", () => {
    expect(newLabel("full", undefined, at, [])).toBe("20261124-013000F");
    expect(newLabel("incremental", "20261123-013000F", at, [])).toBe("20261123-013000F_20261124-013000I");
    expect(newLabel("differential", "20261123-013000F", at, [])).toBe("20261123-013000F_20261124-013000D");
  });

  test("are never given twice", () => {
    expect(newLabel("full", undefined, at, ["20261124-013000F", "20261124-013001F"])).toBe("20261124-013002F");
  });
});

describe("retention", () => {
  const days14 = { days: 14, fulls: 2 };

  test("keeps what any second of the window needs: also the newest full backup before it, with its chain", () => {
    const records = [
      ...[backup("oldest", 30), backup("oldest_i", 29, "oldest")],
      ...[backup("before", 16), backup("before_i", 13, "before"), backup("inside", 9), backup("newest", 2)],
    ];
    expect(labels(expired(records, days14, now))).toEqual(["oldest_i", "oldest"]);
  });

  test("removes a chain whole, and what stands on a backup before it", () => {
    const records = [
      backup("a", 40),
      backup("a_1", 39, "a"),
      backup("a_2", 38, "a_1"),
      backup("b", 20),
      backup("c", 1),
    ];
    expect(labels(expired(records, days14, now))).toEqual(["a_2", "a_1", "a"]);
  });

  test("removes nothing as long as there is no full backup in the window", () => {
    const records = [backup("a", 90), backup("b", 60), backup("c", 30)];
    expect(expired(records, { days: 14, fulls: 1 }, now)).toEqual([]);
  });

  test("keeps as many full backups as it is told, however old", () => {
    const records = [backup("a", 90), backup("b", 60), backup("c", 30), backup("d", 1)];
    expect(labels(expired(records, { days: 7, fulls: 3 }, now))).toEqual(["a"]);
    expect(labels(expired(records, { days: 7, fulls: 1 }, now))).toEqual(["b", "a"]);
  });

  test("never removes the last full backup", () => {
    expect(expired([backup("a", 1)], { days: 1, fulls: 1 }, now)).toEqual([]);
  });

  test("removes what stands on nothing any more", () => {
    const records = [backup("x_i", 3, "x"), backup("a", 1)];
    expect(labels(expired(records, days14, now))).toEqual(["x_i"]);
  });
});
