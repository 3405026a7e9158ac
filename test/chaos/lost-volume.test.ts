import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { destroyPostgres, firstBackup } from "../support/restores.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";
import { Writers } from "../support/writers.ts";

/** Postgres and its volume go at a random moment, while a client writes ten rows a second: what is there after the one command? */

const rounds = 3;

describe("Postgres and its volume are gone", () => {
  let stack: TestProject;
  beforeAll(async () => {
    stack = await ownProject({ letta: { backup: { drillOnStart: false } } });
    succeeded(await stack.command(["letta", "start"]));
    await firstBackup(stack);
  });

  test("a restore drill passes", async () => {
    const drill = async () => succeeded(await stack.command(["drill"]));
    // The first heartbeat behind the backup has to be archived.
    const { output } = await vi.waitFor(drill, { timeout: 180_000, interval: 5000 });
    console.log(output);
  });

  test.each(Array.from({ length: rounds }, (_, index) => index + 1))(
    "one command brings all back but the last writes, round %i",
    async () => {
      const url = (await stack.lettaOutputs()).projects.thoth?.hostDatabaseUrl ?? "";
      const writers = new Writers(url, { count: 1, restMilliseconds: 100 });
      await writers.start();
      await untilRecoverable(stack);
      await sleep(15_000 + Math.random() * 60_000);
      await destroyPostgres(stack);
      await writers.stop();

      const started = performance.now();
      succeeded(await stack.command(["restore", "server", "--latest", "--yes"]));
      const seconds = (performance.now() - started) / 1000;

      const { acknowledged, lost, doubled, found, newest } = await writers.compare();
      if (newest === undefined) throw new Error("no row came back");
      const lostSeconds = lost === 0 ? 0 : (writers.lastAt - newest.at.getTime()) / 1000;
      console.log(
        `${acknowledged} rows acknowledged, ${lost} lost: ${lostSeconds.toFixed(1)} s of writes; restored by ${seconds.toFixed(1)} s`,
      );
      expect(doubled).toBe(0);
      // What is lost is the end, and nothing in between.
      expect(found).toBe(newest.n);
      expect(lost).toBeGreaterThan(0);
      expect((await stack.command(["letta", "status"])).output).toContain(`stack ${stack.letta}: healthy`);
    },
  );
});

/** Waits until the writers' new table can be restored: the one of the round before, if it came back, would pass for it. */
async function untilRecoverable(stack: TestProject): Promise<void> {
  const lsn = await stack.psql("select pg_switch_wal()");
  const asked = `select last_archived_wal >= pg_walfile_name('${lsn}') from pg_stat_archiver`;
  await vi.waitFor(async () => expect(await stack.psql(asked)).toBe("t"), { timeout: 60_000, interval: 500 });
}
