import { describe, expect, test } from "vitest";
import { awaitRuns, keepOut, letIn } from "../../../../scripts/upgrade/drain.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

test("clients are kept out and let in by files in the proxy's container", async () => {
  const docker = fakeDocker({ "exec letta-nginx": {} });
  await keepOut(fakeDeps(), "letta-nginx", "runs");
  await keepOut(fakeDeps(), "letta-nginx", "all");
  await letIn(fakeDeps(), "letta-nginx");
  expect(docker.calls()).toEqual([
    "exec letta-nginx touch /tmp/letta-drain",
    "exec letta-nginx touch /tmp/letta-closed",
    "exec letta-nginx rm -f /tmp/letta-drain /tmp/letta-closed",
  ]);
});

describe("runs at work", () => {
  const run = (id: string) => JSON.stringify([{ id, agent: "agent-1", seconds: 65 }]);
  const server = inspected({ StartedAt: "2026-11-24T02:00:00Z" });
  const wait = async (answers: string[], timeoutSeconds = 60) => {
    fakeDocker({
      "container inspect letta-server": server,
      "exec -i letta-postgres psql": answers.map((stdout) => ({ stdout: `${stdout}\n` })),
    });
    const deps = fakeDeps();
    const place = { container: "letta-postgres", database: "letta" };
    const count = await awaitRuns(deps, { place, server: "letta-server", timeoutSeconds });
    return { count, printed: deps.printed };
  };

  test("are waited for until there are none", async () => {
    expect(await wait([run("run-1"), run("run-1"), run("run-2"), "[]"])).toEqual({
      count: 2,
      printed: ["waiting for 1 run to end"],
    });
  });

  test("are named when they take too long", async () => {
    await expect(wait([run("run-1")], 0.1)).rejects.toThrow(
      "1 run is still at work after 0.1 s:\n    run-1 of agent-1, for 1 min 5 s",
    );
  });

  test("are not asked for when nobody is to wait", async () => {
    expect(await wait([], 0)).toEqual({ count: 0, printed: [] });
  });

  test("there are none without a server", async () => {
    fakeDocker({ "container inspect letta-server": notThere });
    const place = { container: "letta-postgres", database: "letta" };
    expect(await awaitRuns(fakeDeps(), { place, server: "letta-server", timeoutSeconds: 9 })).toBe(0);
  });
});
