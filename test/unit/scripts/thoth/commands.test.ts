import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { restartThoth, startThoth, stopThoth } from "../../../../scripts/thoth/start.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeStacks, without } from "../../../support/fake-stacks.ts";

const options = { stack: "thoth", lettaStack: "letta", yes: false };
const upsOf = (calls: readonly string[]) => calls.flatMap((call) => call.match(/^pulumi up --stack (\w+)/)?.[1] ?? []);

describe("thoth start", () => {
  test("on a letta stack that runs brings up thoth alone, after repairing it, and asks nothing of its backups", async () => {
    const docker = { "container inspect letta-backup": notThere, "container inspect letta-drill": notThere };
    const programs = fakeStacks({ docker });
    const deps = fakeDeps();
    expect(await startThoth(options, deps)).toBe(0);
    expect(deps.questions).toEqual([]);
    expect(programs.calls().slice(-4)).toEqual([
      "pulumi stack export --stack thoth",
      "docker ps --all --no-trunc --filter label=thoth-letta.prefix=thoth --format {{.ID}}\t{{.Names}}",
      expect.stringMatching(/^pulumi up --stack thoth --yes /),
      "docker container inspect thoth-backup",
    ]);
    expect(upsOf(programs.calls())).toEqual(["thoth"]);
  });

  test.each<[string, Parameters<typeof fakeStacks>[0]]>([
    ["never came up", { pulumi: without("letta") }],
    ["came up empty", { pulumi: { "stack output --json --show-secrets --stack letta": { stdout: "{}" } } }],
    ["has a stopped container", { docker: { "container inspect letta-redis": inspected({ Status: "exited" }) } }],
    ["has lost a container", { docker: { "container inspect letta-nginx": notThere } }],
    [
      "has an unhealthy container",
      { docker: { "container inspect letta-server": inspected({ Health: { Status: "unhealthy" } }) } },
    ],
  ])("refuses when the letta stack %s and nobody agrees to start it", async (_, changes) => {
    const programs = fakeStacks(changes);
    const deps = fakeDeps();
    expect(await startThoth(options, deps)).toBe(1);
    expect(deps.printed).toEqual([
      'the letta stack "letta" is down, and Thoth needs it: start it?',
      "nothing was changed; to go ahead without a question: make this YES=1",
    ]);
    expect(upsOf(programs.calls())).toEqual([]);
  });

  test.each([
    { how: "told so", yes: true, answer: false, questions: 0 },
    { how: "answered so", yes: false, answer: true, questions: 1 },
  ])("starts letta first when $how", async ({ yes, answer, questions }) => {
    const programs = fakeStacks({ docker: { "container inspect letta-server": notThere } });
    const deps = fakeDeps({ answer });
    expect(await startThoth({ ...options, yes }, deps)).toBe(0);
    expect(deps.questions).toHaveLength(questions);
    expect(upsOf(programs.calls())).toEqual(["letta", "thoth"]);
  });

  test("does not start on a letta stack that did not come up", async () => {
    const programs = fakeStacks({
      docker: { "container inspect letta-server": notThere },
      pulumi: { "up --stack letta": { exitCode: 255 } },
    });
    await expect(startThoth({ ...options, yes: true }, fakeDeps())).rejects.toThrow("stack letta did not come up");
    expect(upsOf(programs.calls())).toEqual(["letta"]);
  });
});

test("thoth stop of a stack that never came up says so", async () => {
  fakeStacks({ pulumi: without("thoth") });
  await expect(stopThoth({ stack: "thoth" }, fakeDeps())).rejects.toThrow(
    new UserError("stack thoth was never brought up", "make thoth-start"),
  );
});

test("thoth restart stops all its containers together, then starts, and never touches letta", async () => {
  const programs = fakeStacks();
  expect(await restartThoth(options, fakeDeps())).toBe(0);
  const changes = programs.calls().filter((call) => /^docker stop|^pulumi up/.test(call));
  expect(changes).toEqual([
    "docker stop thoth-api thoth-mcp thoth-discovery thoth-monitor",
    expect.stringMatching(/^pulumi up --stack thoth /),
  ]);
});
