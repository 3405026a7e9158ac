import { describe, expect, test } from "vitest";
import { lettaNames } from "../../../../infra/lib/names.ts";
import { awaitRuns } from "../../../../scripts/upgrade/drain.ts";
import type { Site } from "../../../../scripts/upgrade/operation.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const site = { names: lettaNames("letta"), place: { container: "letta-postgres", database: "letta" } } as Site;

describe("runs at work", () => {
  const run = (id: string) => `${id} of agent-1, for 65 s`;
  const started = inspected({ StartedAt: "2026-11-24T02:00:00Z" });
  const wait = async (answers: string[], timeoutSeconds = 60, server = started) => {
    const docker = fakeDocker({
      "container inspect letta-server": server,
      "exec -i letta-postgres psql": answers.map((stdout) => ({ stdout: `${stdout}\n` })),
    });
    const deps = fakeDeps();
    await awaitRuns(deps, site, timeoutSeconds);
    return { asked: docker.calls().filter((call) => call.includes("psql")).length, printed: deps.printed };
  };

  test("are waited for until there are none", async () => {
    const answers = [run("run-1"), run("run-2"), ""];
    expect(await wait(answers)).toEqual({ asked: 3, printed: ["waiting for runs to end: 1"] });
  });

  test("are named when they take too long", async () => {
    const problem = "runs are still at work after 0.1 s:\n    run-1 of agent-1, for 65 s";
    await expect(wait([run("run-1")], 0.1)).rejects.toThrow(problem);
  });

  test.each([
    ["nobody wants to wait", 0, started],
    ["there is no server", 9, notThere],
  ])("are not asked for when %s", async (_why, seconds, server) => {
    expect(await wait([], seconds, server)).toEqual({ asked: 0, printed: [] });
  });
});
