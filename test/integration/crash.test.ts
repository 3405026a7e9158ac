import { describe, expect, test } from "vitest";
import { type CrashRound, crashRound } from "../support/crash-round.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();

async function round(settings?: string): Promise<CrashRound> {
  const { projects } = await stacks.lettaOutputs();
  const options = { afterMilliseconds: 1500 + Math.random() * 1500, ...(settings && { settings }) };
  return crashRound(`${stacks.letta}-postgres`, projects.thoth?.hostDatabaseUrl ?? "", options);
}

/** One round each; `make chaos` does more, and kills more kinds of processes. */
describe("Postgres, killed under four writers", () => {
  test("keeps every row it acknowledged", async () => {
    const { acknowledged, lost, doubled } = await round();
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
    expect(acknowledged).toBeGreaterThan(100);
  });

  test("loses rows with synchronous_commit = off, so the test above can fail", async () => {
    expect((await round("set synchronous_commit = off")).lost).toBeGreaterThan(0);
  });
});
