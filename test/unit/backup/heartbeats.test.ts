import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { type Heartbeat, heartbeatFile } from "../../../images/backup/src/restore/heartbeat.ts";
import { Heartbeats } from "../../../images/backup/src/restore/heartbeats.ts";
import { FakeWorld } from "../../support/fake-world.ts";

const minutesAgo = (world: FakeWorld, minutes: number) => new Date(world.time - minutes * 60_000);

/** The loss window, in minutes, after the last archived heartbeat of an hour ago. */
async function lossMinutes(now: { rowsWritten: string; startedMinutesAgo: number }, later: Partial<Heartbeat>[] = []) {
  const world = new FakeWorld();
  const archived = { at: minutesAgo(world, 60).toISOString(), lsn: "0/1", activity: "100", isRecoverable: true };
  const open = later.map((beat, index) => ({ ...archived, id: index + 2, isRecoverable: false, ...beat }));
  const beats = [{ ...archived, id: 1 }, ...open];
  mkdirSync(dirname(heartbeatFile(world)), { recursive: true });
  writeFileSync(heartbeatFile(world), JSON.stringify(beats));
  const started = minutesAgo(world, now.startedMinutesAgo);
  const rows = (sql: string) =>
    JSON.stringify(sql.includes("as total") ? [{ total: now.rowsWritten, started: started.toISOString() }] : []);
  world.answers.pg_stat_database = rows;
  world.answers["select id, at from"] = beats.map(({ id, at }) => ({ id: String(id), at: new Date(at) }));
  const heartbeats = new Heartbeats(world, 60);
  await heartbeats.load();
  const seconds = await heartbeats.beat(undefined);
  return seconds === null ? null : seconds / 60;
}

test("nothing is lost while nobody has written since the last archived heartbeat", async () => {
  expect(await lossMinutes({ rowsWritten: "100", startedMinutesAgo: 600 })).toBe(0);
});

test("what was written since the last archived heartbeat is as old as that, at most", async () => {
  expect(await lossMinutes({ rowsWritten: "101", startedMinutesAgo: 600 })).toBe(60);
});

test("a quiet time does not count: what was written is younger than the last look that found nothing to lose", async () => {
  const world = new FakeWorld();
  const beat = { id: 1, at: minutesAgo(world, 5).toISOString(), lsn: "0/1", activity: "100", isRecoverable: true };
  mkdirSync(dirname(heartbeatFile(world)), { recursive: true });
  writeFileSync(heartbeatFile(world), JSON.stringify([beat]));
  let total = "100";
  world.answers.pg_stat_database = (sql: string) =>
    JSON.stringify(sql.includes("as total") ? [{ total, started: minutesAgo(world, 600).toISOString() }] : []);
  world.answers["select id, at from"] = [{ id: "1", at: new Date(beat.at) }];
  const heartbeats = new Heartbeats(world, 60);
  await heartbeats.load();
  expect(await heartbeats.beat(undefined)).toBe(0);
  world.time += 10_000;
  total = "101";
  expect(await heartbeats.beat(undefined)).toBe(10);
});

test("the time that Postgres was stopped does not count: it archives everything when it stops", async () => {
  expect(await lossMinutes({ rowsWritten: "101", startedMinutesAgo: 2 })).toBe(2);
});

test("after a crash it counts: what was written just before may not be archived", async () => {
  expect(await lossMinutes({ rowsWritten: "7", startedMinutesAgo: 2 })).toBe(60);
});

test("it counts where a heartbeat from before the stop is not archived", async () => {
  const at = new Date(Date.parse("2026-11-24T12:00:00Z") - 30 * 60_000).toISOString();
  expect(await lossMinutes({ rowsWritten: "102", startedMinutesAgo: 2 }, [{ at, activity: "101" }])).toBe(60);
});
