import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import type { BackupRecord } from "../../images/backup/src/contract.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { imageReference } from "../../infra/lib/images.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { BackedUpPostgres } from "../support/backed-up-postgres.ts";
import { ownProject } from "../support/shared-stacks.ts";

/** Five weeks that end today, in a few minutes: Postgres and the agent see a clock that is moved, and the agent's own schedule does the rest. */

/** None of its stacks comes up: what is named after it goes with it. */
const place = await ownProject();
const dayMs = 86_400_000;
const movedClock = "thoth-letta/test-moved-clock";
const images = { postgres: `${movedClock}:postgres`, backup: `${movedClock}:backup` };
const clock = mkdtempSync(join(tmpdir(), "thoth-letta-clock-"));
/** Days are counted from here; the last of them is today. */
const began = Date.now() - 32 * dayMs;

/** In one step: a program that reads the file while it is empty ends. */
const moveTo = (day: number) => {
  writeFileSync(join(clock, "next"), `-${32 - day}d\n`);
  renameSync(join(clock, "next"), join(clock, "offset"));
};
const timeOf = (day: number) => `time:${new Date(began + day * dayMs).toISOString()}`;
const dayOf = ({ stoppedAt }: BackupRecord) => Math.floor((Date.parse(stoppedAt) - began) / dayMs);

/**
 * `$LIB` is the folder of the machine's libraries, wherever they are; monotonic clocks, which programs wait by, are not moved.
 * Without DISABLE_SHM a process that changes its user waits for itself forever (seen in 0.9.10: the shared memory is root's).
 */
const run = [
  ...["--volume", `${clock}:/clock:ro`, "--env", "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1"],
  ...["--env", "FAKETIME_TIMESTAMP_FILE=/clock/offset", "--env", "FAKETIME_NO_CACHE=1"],
  ...["--env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "--env", "FAKETIME_DISABLE_SHM=1"],
];

beforeAll(async () => {
  // Postgres' user reads it too.
  chmodSync(clock, 0o755);
  for (const part of ["postgres", "backup"] as const) {
    const base = imageReference(part, { root, images: "local" });
    const input = `FROM ${base}\nUSER root\nRUN install-packages libfaketime\n`;
    await dockerOutput(["build", "--quiet", "--tag", images[part], "-"], { input });
  }
});
afterAll(async () => {
  await docker(["rmi", ...Object.values(images)]);
  rmSync(clock, { recursive: true });
});

test("weekly full backups are kept for two weeks, and the one before, and any moment of these is restored", async () => {
  moveTo(0);
  const name = `${place.letta}-clock`;
  const database = new BackedUpPostgres(name, images, { settings: { archiveSeconds: 10 }, run });
  onTestFinished(() => database.remove());
  await database.start();
  await database.psql("create table days (day int)");
  const fulls = async () => {
    const { backups } = await database.succeed<{ backups: BackupRecord[] }>("list");
    return backups.filter(({ type }) => type === "full").map(dayOf);
  };

  for (const day of [0, 8, 16, 24, 32]) {
    moveTo(day);
    await vi.waitFor(async () => expect((await fulls()).at(-1)).toBe(day), { timeout: 300_000, interval: 1000 });
    await database.psql(`insert into days values (${day})`);
  }
  // Two weeks before the 32nd is the 18th: it needs the backup of the 16th.
  await vi.waitFor(async () => expect(await fulls()).toEqual([16, 24, 32]), { timeout: 60_000, interval: 1000 });
  expect(await database.succeed("verify")).toMatchObject({ ok: true });

  await database.psql("select pg_switch_wal()");
  const restored = async () => expect((await database.restore(timeOf(20))).problem).toBeUndefined();
  await vi.waitFor(restored, { timeout: 120_000, interval: 5000 });
  expect((await database.askRestored("select day from days order by day")).split("\n")).toEqual(["0", "8", "16"]);
  expect((await database.restore(timeOf(12))).problem).toMatch(/the oldest .*ended at/);
});
