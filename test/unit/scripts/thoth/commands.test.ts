import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { restartThoth, startThoth, stopThoth } from "../../../../scripts/thoth/start.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { type FakeAnswers, fakePrograms } from "../../../support/fake-programs.ts";
import { dockerAnswers, pulumiAnswers, temporaryBackend, without } from "../../../support/fake-stacks.ts";

const options = { stack: "thoth", lettaStack: "letta", yes: false };
const flags = "--yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress";
const upsOf = (calls: readonly string[]) => calls.filter((call) => call.startsWith("pulumi up"));
const stopsOf = (calls: readonly string[]) => calls.filter((call) => call.startsWith("docker stop"));
const upLetta = `pulumi up --stack letta ${flags}`;
const upThoth = `pulumi up --stack thoth ${flags}`;

function bothStacks(changes: { docker?: FakeAnswers; pulumi?: FakeAnswers } = {}) {
  temporaryBackend();
  return fakePrograms({ docker: dockerAnswers(changes.docker), pulumi: pulumiAnswers(changes.pulumi) });
}

describe("thoth start", () => {
  test("on a letta stack that runs brings up thoth alone, after repairing it", async () => {
    const programs = bothStacks();
    const deps = fakeDeps();
    expect(await startThoth(options, deps)).toBe(0);
    expect(deps.questions).toEqual([]);
    expect(programs.calls().slice(-4)).toEqual([
      "pulumi stack export --stack thoth",
      "docker ps --all --no-trunc --filter label=thoth-letta.prefix=thoth --format {{.ID}}\t{{.Names}}",
      upThoth,
      "docker container inspect thoth-backup",
    ]);
    expect(upsOf(programs.calls())).toEqual([upThoth]);
  });

  test("asks nothing of the letta stack's backups, which Thoth does not need", async () => {
    const docker = { "container inspect letta-backup": notThere, "container inspect letta-drill": notThere };
    const programs = bothStacks({ docker });
    const deps = fakeDeps();
    expect(await startThoth(options, deps)).toBe(0);
    expect(deps.questions).toEqual([]);
    expect(upsOf(programs.calls())).toEqual([upThoth]);
  });

  const downs: { how: string; docker?: FakeAnswers; pulumi?: FakeAnswers }[] = [
    { how: "never came up", pulumi: without("letta") },
    { how: "came up empty", pulumi: { "stack output --json --show-secrets --stack letta": { stdout: "{}" } } },
    { how: "has a stopped container", docker: { "container inspect letta-redis": inspected({ Status: "exited" }) } },
    { how: "has lost a container", docker: { "container inspect letta-nginx": notThere } },
    {
      how: "has an unhealthy container",
      docker: { "container inspect letta-server": inspected({ Health: { Status: "unhealthy" } }) },
    },
  ];

  test.each(downs)(
    "refuses when the letta stack $how and nobody agrees to start it",
    async ({ how: _, ...changes }) => {
      const programs = bothStacks(changes);
      const deps = fakeDeps();
      expect(await startThoth(options, deps)).toBe(1);
      expect(deps.questions).toEqual(['the letta stack "letta" is down, and Thoth needs it: start it?']);
      expect(deps.printed).toEqual([
        ...deps.questions,
        "nothing was changed; to go ahead without a question: make this YES=1",
      ]);
      expect(upsOf(programs.calls())).toEqual([]);
    },
  );

  test.each([
    { how: "told so", yes: true, answer: false, questions: 0 },
    { how: "answered so", yes: false, answer: true, questions: 1 },
  ])("starts letta first when $how", async ({ yes, answer, questions }) => {
    const programs = bothStacks({ docker: { "container inspect letta-server": notThere } });
    const deps = fakeDeps({ answer });
    expect(await startThoth({ ...options, yes }, deps)).toBe(0);
    expect(deps.questions).toHaveLength(questions);
    expect(upsOf(programs.calls())).toEqual([upLetta, upThoth]);
  });

  test("does not start on a letta stack that did not come up", async () => {
    const programs = bothStacks({
      docker: { "container inspect letta-server": notThere },
      pulumi: { "up --stack letta": { exitCode: 255 } },
    });
    await expect(startThoth({ ...options, yes: true }, fakeDeps())).rejects.toThrow("stack letta did not come up");
    expect(upsOf(programs.calls())).toEqual([upLetta]);
  });
});

describe("thoth stop", () => {
  test("stops Thoth's containers, all together", async () => {
    const programs = bothStacks();
    expect(await stopThoth({ stack: "thoth" }, fakeDeps())).toBe(0);
    expect(stopsOf(programs.calls())).toEqual(["docker stop thoth-api thoth-mcp thoth-discovery thoth-monitor"]);
  });

  test("of a stack that never came up says so", async () => {
    bothStacks({ pulumi: without("thoth") });
    await expect(stopThoth({ stack: "thoth" }, fakeDeps())).rejects.toThrow(
      new UserError("stack thoth was never brought up", "make thoth-start"),
    );
  });
});

test("thoth restart stops, then starts, and never touches letta", async () => {
  const programs = bothStacks();
  expect(await restartThoth(options, fakeDeps())).toBe(0);
  const calls = programs.calls();
  expect(calls.indexOf(upThoth)).toBeGreaterThan(calls.indexOf("docker stop thoth-api"));
  expect(upsOf(calls)).toEqual([upThoth]);
  expect(stopsOf(calls).filter((call) => call.includes("letta"))).toEqual([]);
});
