import { describe, expect, test } from "vitest";
import { lettaNames } from "../../../../infra/lib/names.ts";
import { awaitRuns, keepOut, letIn } from "../../../../scripts/upgrade/drain.ts";
import type { Site } from "../../../../scripts/upgrade/operation.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const place = { container: "letta-postgres", database: "letta" };
const site = { names: lettaNames("letta"), place } as Site;

test("clients are kept out and let in by files in the gateway's container", async () => {
  const docker = fakeDocker({ "exec letta-nginx": {} });
  await keepOut(fakeDeps(), site, "runs");
  await keepOut(fakeDeps(), site, "all");
  await letIn(fakeDeps(), site);
  expect(docker.calls()).toEqual([
    "exec letta-nginx touch /tmp/letta-drain",
    "exec letta-nginx touch /tmp/letta-closed",
    "exec letta-nginx rm -f /tmp/letta-drain /tmp/letta-closed",
  ]);
});

describe("runs at work", () => {
  const run = (id: string) => `${id} of agent-1, for 65 s`;
  const server = inspected({ StartedAt: "2026-11-24T02:00:00Z" });
  const wait = async (answers: string[], timeoutSeconds = 60) => {
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
    await expect(wait([run("run-1")], 0.1)).rejects.toThrow(
      "runs are still at work after 0.1 s:\n    run-1 of agent-1, for 65 s",
    );
  });

  test("are not asked for when nobody wants to wait", async () => {
    expect(await wait([], 0)).toEqual({ asked: 0, printed: [] });
  });

  test("there are none without a server", async () => {
    const docker = fakeDocker({ "container inspect letta-server": notThere });
    await awaitRuns(fakeDeps(), site, 9);
    expect(docker.calls()).toHaveLength(1);
  });
});
