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
  url = (await project.lettaOutputs()).hostDatabaseUrls.thoth ?? "";
});

const round = (settings?: string): Promise<CrashRound> =>
  crashRound(`${project.letta}-postgres`, url, {
    afterMilliseconds: 1000 + Math.random() * 9000,
    ...(settings && { settings }),
  });

describe("Postgres, killed at a random moment under four writers", () => {
  test.each([1, 2, 3, 4, 5])("round %i: keeps every acknowledged row", async () => {
    const { acknowledged, lost, doubled, backAfterSeconds } = await round();
    console.log(`${acknowledged} rows acknowledged, ${lost} lost; back after ${backAfterSeconds.toFixed(1)} s`);
    expect({ lost, doubled }).toEqual({ lost: 0, doubled: 0 });
    expect(acknowledged).toBeGreaterThan(0);
  });

  test("loses rows without synchronous commits", async () => {
    const result = await round("set synchronous_commit = off");
    console.log(`synchronous_commit = off: ${result.lost} of ${result.acknowledged} acknowledged rows lost`);
    expect(result.lost).toBeGreaterThan(0);
  });
});

test("its indexes are sound afterwards", async () => {
  const check = ["pg_amcheck", "--username=postgres", "--all", "--heapallindexed", "--install-missing"];
  await dockerOutput(["exec", `${project.letta}-postgres`, ...check]);
});
