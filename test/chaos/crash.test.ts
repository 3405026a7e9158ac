import { beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type CrashRound, crashRound } from "../support/crash-round.ts";
import { ownProject } from "../support/shared-stacks.ts";
import type { TestProject } from "../support/stacks.ts";

let project: TestProject;
let url: string;
beforeAll(async () => {
  project = await ownProject();
  await project.up(project.letta);
  url = (await project.lettaOutputs()).projects.thoth?.hostDatabaseUrl ?? "";
});

async function round(settings?: string): Promise<CrashRound> {
  const afterMilliseconds = 1000 + Math.random() * 9000;
  const result = await crashRound(`${project.letta}-postgres`, url, {
    afterMilliseconds,
    ...(settings && { settings }),
  });
  const { acknowledged, lost, backAfterSeconds } = result;
  console.log(`${acknowledged} rows acknowledged, ${lost} lost; back after ${backAfterSeconds.toFixed(1)} s`);
  return result;
}

describe("Postgres, killed at a random moment under four writers", () => {
  // A round ends only when the writers write again.
  test.each([1, 2, 3, 4, 5])("round %i: comes back with every acknowledged row", async () => {
    const { lost, doubled, acknowledged } = await round();
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
    expect(acknowledged).toBeGreaterThan(100);
  });

  test("loses rows without synchronous commits, so the rounds above can fail", async () => {
    expect((await round("set synchronous_commit = off")).lost).toBeGreaterThan(0);
  });
});

test("its indexes are sound afterwards", async () => {
  const check = ["pg_amcheck", "--username=postgres", "--all", "--heapallindexed", "--install-missing"];
  await dockerOutput(["exec", `${project.letta}-postgres`, ...check]);
});
