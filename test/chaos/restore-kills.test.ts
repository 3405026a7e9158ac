import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { startKillable } from "../support/kill.ts";
import { firstBackup, volumeIn } from "../support/restores.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

let stack: TestProject;
beforeAll(async () => {
  stack = await ownProject();
  succeeded(await stack.command(["letta", "start"]));
  await stack.psql("create table rounds (n int)", "thoth");
  await firstBackup(stack);
});

const rounds = async () => (await stack.psql("select n from rounds order by n", "thoth")).split("\n").filter(Boolean);
const journal = () => join(stack.folder, ".state/operations", `${stack.letta}.json`);

/** Runs a command, and kills it after this time with all that it has started; it may have ended by then. */
async function runFor(seconds: number, args: readonly string[]): Promise<void> {
  const running = startKillable(stack, args);
  await setTimeout(seconds * 1000);
  await running.kill();
}

/** Everything is on the configured volume, nothing is unfinished, and what is written now is archived. */
async function expectWhole(round: string): Promise<void> {
  expect(existsSync(journal())).toBe(false);
  const volume = await volumeIn(`${stack.letta}-postgres`);
  expect(volume).toBe((await stack.lettaOutputs()).volumes.postgres);
  expect(await volumeIn(`${stack.letta}-backup`)).toBe(volume);
  succeeded(await stack.command(["backup", "point", `whole-${round}`]));
  succeeded(await stack.pulumi(["preview", "--expect-no-changes", "--stack", stack.letta]));
}

describe.each(Array.from({ length: Number(process.env.RESTORE_ROUNDS ?? 8) }, (_, index) => index + 1))(
  "a restore of the whole server, killed at a random moment, round %i",
  (round) => {
    const seconds = 1 + Math.random() * 40;
    const settle = round % 2 === 0 ? ["letta", "start"] : ["restore", "resume"];

    test(`after ${seconds.toFixed(1)} s: ${settle.join(" ")} ends in the old state or the new one`, async () => {
      const restored = await rounds();
      succeeded(await stack.command(["backup", "point", `round-${round}`]));
      await stack.psql(`insert into rounds values (${round})`, "thoth");
      await runFor(seconds, ["restore", "server", "--point", `round-${round}`, "--yes"]);
      if (existsSync(journal())) succeeded(await stack.command(settle));
      else succeeded(await stack.command(["letta", "start"]));
      expect([[...restored, String(round)], restored]).toContainEqual(await rounds());
      await expectWhole(String(round));
    });
  },
);
