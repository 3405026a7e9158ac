import { describe, expect, test } from "vitest";
import { fullsToKeep } from "../../../images/backup/src/pgbackrest/backups.ts";
import { Attempts, isDue, nextRun, overdueSeconds } from "../../../images/backup/src/schedule.ts";
import { backupRecord } from "../../support/fake-world.ts";

const daily = "17 2 * * *";
const at = (text: string) => new Date(`${text}Z`);

describe("a schedule", () => {
  test("is due when one of its times has passed since, also on a machine that slept then", () => {
    expect(isDue(daily, at("2026-11-24T02:17:01"), at("2026-11-25T02:16:59"))).toBe(false);
    expect(isDue(daily, at("2026-11-24T02:17:01"), at("2026-11-25T02:17:00"))).toBe(true);
    expect(isDue(daily, at("2026-11-20T02:17:01"), at("2026-11-24T14:00:00"))).toBe(true);
    expect(isDue(daily, undefined, at("2026-11-24T00:00:00"))).toBe(true);
  });

  test("is in UTC", () => {
    expect(nextRun(daily, at("2026-11-24T02:00:00"))).toBe("2026-11-24T02:17:00.000Z");
  });

  test("calls overdue what is older than twice its distance", () => {
    expect(overdueSeconds(daily, at("2026-11-24T00:00:00"))).toBe(2 * 86_400);
    expect(overdueSeconds("17 */6 * * *", at("2026-11-24T00:00:00"))).toBe(12 * 3600);
  });
});

test("what failed is left alone for ten minutes, and what then succeeded is not", async () => {
  let now = 0;
  const attempts = new Attempts(() => now);
  const fail = () => Promise.reject(new Error("disk full"));
  await attempts.run("backup", fail);
  now = 599_000;
  expect([attempts.mayTry("backup"), attempts.mayTry("verify")]).toEqual([false, true]);
  now = 600_000;
  expect(attempts.mayTry("backup")).toBe(true);
  await attempts.run("backup", fail);
  await attempts.run("backup", async () => {});
  expect(attempts.mayTry("backup")).toBe(true);
});

describe("retention", () => {
  const weekly = ["2026-11-01", "2026-11-08", "2026-11-15", "2026-11-22"].map((day) =>
    backupRecord(`${day}T03:17:00Z`),
  );
  const now = at("2026-11-24T12:00:00").getTime();

  test("keeps the fulls of the window, and the one before, on which its first days stand", () => {
    // The window begins on 10 November: the 15th and the 22nd are in it, the 8th is what the 10th is restored from.
    expect(fullsToKeep(weekly, { days: 14, fulls: 2, dumps: 7 }, now)).toBe(3);
  });

  test("never keeps fewer than configured", () => {
    expect(fullsToKeep(weekly, { days: 1, fulls: 2, dumps: 7 }, now)).toBe(2);
    expect(fullsToKeep(weekly, { days: 14, fulls: 10, dumps: 7 }, now)).toBe(10);
  });

  test("counts full backups alone", () => {
    const others = [...weekly, backupRecord("2026-11-23T00:00:00Z", { type: "incremental" })];
    expect(fullsToKeep(others, { days: 14, fulls: 1, dumps: 7 }, now)).toBe(3);
  });
});
