import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { execThoth, setUpVault } from "../../../../scripts/thoth/exec.ts";
import { restartThoth, startThoth, stopThoth } from "../../../../scripts/thoth/start.ts";
import { inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import { fakeStacks, lettaOutputs, thothOutputs, without } from "../../../support/fake-stacks.ts";
import { imitatedLetta } from "../../../support/imitated-letta.ts";

const options = { stack: "thoth", lettaStack: "letta", yes: false };
async function start(changes: Parameters<typeof fakeStacks>[0], { yes = false, answer = false } = {}) {
  const programs = fakeStacks(changes);
  const deps = fakeDeps({ answer });
  const exitCode = await startThoth({ ...options, yes }, deps).catch((error: Error) => error.message);
  const calls = programs.calls();
  const ups = calls.flatMap((call) => call.match(/^pulumi up --stack (\w+)/)?.[1] ?? []);
  return { exitCode, calls, ups, printed: deps.printed, questions: deps.questions };
}

describe("thoth start", () => {
  test("on a letta stack that runs brings up thoth alone, after repairing it, and asks nothing of its backups", async () => {
    const docker = { "container inspect letta-backup": notThere, "container inspect letta-drill": notThere };
    const { calls, ...rest } = await start({ docker });
    expect(rest).toMatchObject({ exitCode: 0, ups: ["thoth"], questions: [] });
    expect(calls.slice(-5)).toEqual([
      "pulumi stack export --stack thoth",
      "docker ps --all --filter label=thoth-letta.prefix=thoth",
      expect.stringMatching(/^pulumi up --stack thoth --yes /),
      "docker container inspect thoth-backup",
      "pulumi stack output --json --show-secrets --stack thoth",
    ]);
  });

  const unhealthy = inspected({ Health: { Status: "unhealthy" } });
  test.each<[string, Parameters<typeof fakeStacks>[0]]>([
    ["never came up", { pulumi: without("letta") }],
    ["came up empty", { pulumi: { "stack output --json --show-secrets --stack letta": { stdout: "{}" } } }],
    ["has a stopped container", { docker: { "container inspect letta-redis": inspected({ Status: "exited" }) } }],
    ["has lost a container", { docker: { "container inspect letta-nginx": notThere } }],
    [
      "has an unhealthy container",
      { docker: { "container inspect letta-server": unhealthy, "exec letta-server check -q": { exitCode: 1 } } },
    ],
  ])("refuses when the letta stack %s and nobody agrees to start it", async (_, changes) => {
    const { exitCode, ups, printed } = await start(changes);
    expect([exitCode, ups]).toEqual([1, []]);
    expect(printed).toEqual([
      'the letta stack "letta" is down, and Thoth needs it: start it?',
      "nothing was changed; to go ahead without a question: make this YES=1",
    ]);
  });

  test("needs no agreement when the engine's verdict on a container of Letta is of a while ago", async () => {
    const docker = { "container inspect letta-server": unhealthy, "exec letta-server check -q": {} };
    const { exitCode, ups } = await start({ docker });
    expect([exitCode, ups]).toEqual([0, ["thoth"]]);
  });

  const isDown = { "container inspect letta-server": notThere };
  test.each([
    { how: "told so", given: { yes: true }, asked: 0 },
    { how: "answered so", given: { answer: true }, asked: 1 },
  ])("starts letta first when $how", async ({ given, asked }) => {
    const { exitCode, ups, questions } = await start({ docker: isDown }, given);
    expect([exitCode, ups]).toEqual([0, ["letta", "thoth"]]);
    expect(questions).toHaveLength(asked);
  });

  test("does not start on a letta stack that did not come up", async () => {
    const failed = await start({ docker: isDown, pulumi: { "up --stack letta": { exitCode: 255 } } }, { yes: true });
    expect(failed.exitCode).toContain("stack letta did not come up");
    expect(failed.ups).toEqual(["letta"]);
  });
});

test("thoth stop of a stack that never came up says so", async () => {
  fakeStacks({ pulumi: without("thoth") });
  await expect(stopThoth({ stack: "thoth" }, fakeDeps())).rejects.toThrow(
    new UserError("stack thoth was never brought up", "make thoth-start"),
  );
});

test("thoth restart brings up what is configured, then restarts what that left running, and never touches letta", async () => {
  const programs = fakeStacks({
    docker: {
      // The update replaces it.
      "container inspect thoth-mcp": [inspected({ StartedAt: "1" }), inspected({ StartedAt: "2" })],
      "container inspect thoth-backup": notThere,
      "container inspect thoth-": inspected({ StartedAt: "1" }),
    },
  });
  expect(await restartThoth(options, fakeDeps())).toBe(0);
  const changes = programs.calls().filter((call) => /^docker (stop|restart)|^pulumi up/.test(call));
  const up = expect.stringMatching(/^pulumi up --stack thoth /);
  expect([changes[0], ...changes.slice(1, -1).sort(), changes.at(-1)]).toEqual([
    up,
    "docker restart thoth-api",
    "docker restart thoth-discovery",
    "docker restart thoth-letta-proxy",
    "docker restart thoth-monitor",
    up,
  ]);
});

describe("thoth exec", () => {
  const exec = (changes: object, exitCode = 0) => {
    const outputs = { stdout: JSON.stringify({ ...thothOutputs, isStandIn: false, ...changes }) };
    const programs = fakeStacks({
      pulumi: { "stack output --json --show-secrets --stack thoth": outputs },
      docker: { "exec --interactive": { exitCode } },
    });
    return { programs, done: execThoth({ stack: "thoth", command: "users create 'Marie C'" }, fakeDeps()) };
  };

  test("runs Thoth's command line in the API's container with its secrets, and ends as that ends", async () => {
    const { programs, done } = exec({}, 3);
    expect(await done).toBe(3);
    expect(programs.calls().at(-1)).toBe(
      "docker exec --interactive thoth-api sh /run/thoth-letta/with-secrets.sh env LOGURU_LEVEL=WARNING THOTH_LOG_LEVEL=WARNING sh -c exec python -m thoth users create 'Marie C'",
    );
  });

  test("makes the settings of a new user valid, which Thoth would refuse", async () => {
    const { programs, done } = exec({ isMultiUser: true });
    expect(await done).toBe(0);
    expect(programs.calls().at(-1)).toBe("docker exec --interactive thoth-api python -IS -");
  });

  test("is refused by the stand-in, which has none", async () => {
    await expect(exec({ isStandIn: true }).done).rejects.toThrow(
      /the stand-in has no command line.*\n {2}fix: docs\/thoth.md/,
    );
  });
});

describe("thoth setup", () => {
  async function setUp(model: string) {
    const letta = await imitatedLetta({ "GET /v1/models/": () => ({ body: [{ handle: "openai/gpt-5" }] }) });
    const outputs = {
      ...lettaOutputs,
      urls: { ...lettaOutputs.urls, gateway: letta.url },
      projects: { thoth: { token: letta.password } },
    };
    const programs = fakeStacks({
      pulumi: {
        "stack output --json --show-secrets --stack thoth": {
          stdout: JSON.stringify({ ...thothOutputs, isStandIn: false }),
        },
        "stack output --json --show-secrets --stack letta": { stdout: JSON.stringify(outputs) },
      },
      docker: { "exec --interactive": { stdout: "a log line\nmade thoth/_thoth/settings.json\n" } },
    });
    const deps = fakeDeps();
    const done = setUpVault({ stack: "thoth", lettaStack: "letta", model }, deps);
    return { programs, deps, done };
  }

  test("completes the vault in the API's container, and tells what it made", async () => {
    const { programs, deps, done } = await setUp("openai/gpt-5");
    expect(await done).toBe(0);
    expect(programs.calls().at(-1)).toBe(
      "docker exec --interactive thoth-api sh /run/thoth-letta/with-secrets.sh python - openai/gpt-5",
    );
    expect(deps.printed).toEqual(["made thoth/_thoth/settings.json", "the vault is complete: make thoth-restart"]);
  });

  test("refuses a model that Letta does not have, with which Thoth would make no agents", async () => {
    const { programs, done } = await setUp("gpt-5");
    await expect(done).rejects.toThrow(
      new UserError("Letta has no model gpt-5", "make models lists those that it has"),
    );
    expect(programs.calls().some((call) => call.startsWith("docker exec"))).toBe(false);
  });
});
