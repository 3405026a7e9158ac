import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { restartLetta, startLetta } from "../../../../scripts/letta/start.ts";
import { stopLetta } from "../../../../scripts/letta/stop.ts";
import { engineDown, inspected, notThere } from "../../../support/container-state.ts";
import { fakeDeps } from "../../../support/fake-deps.ts";
import type { FakeAnswers } from "../../../support/fake-programs.ts";
import { fakeStacks, keepsState, networkOf, without } from "../../../support/fake-stacks.ts";

const startCalls = [
  "docker version",
  "pulumi stack ls --json",
  "pulumi stack export --stack letta",
  "docker ps --all --filter label=thoth-letta.prefix=letta",
  "pulumi up --stack letta --yes --skip-preview --suppress-outputs --non-interactive --color never --suppress-progress",
  ...keepsState,
];
/** What writes goes first, and Postgres after its backups, which see everything that is written. */
const stopsInOrder = [
  "docker stop letta-nginx letta-server letta-drill letta-model letta-page",
  "docker stop letta-backup",
  "docker stop letta-redis letta-postgres",
];

describe("letta start", () => {
  const start = (options = {}) => startLetta({ stack: "letta" }, fakeDeps(options));

  test("checks the setup, repairs, and brings the stack up, in this order; Pulumi draws on a terminal", async () => {
    const programs = fakeStacks();
    expect(await start()).toBe(0);
    expect(programs.calls()).toEqual(startCalls);
    await start({ isTerminal: true });
    expect(programs.calls()).toContain("pulumi up --stack letta --yes --skip-preview --suppress-outputs");
  });

  test("of a stack that is not set up names the command that does it", async () => {
    fakeStacks({ pulumi: { "stack ls": { stdout: "[]" } } });
    await expect(start()).rejects.toThrow(new UserError("stack letta is not set up", "make setup"));
  });

  test("without an engine changes nothing", async () => {
    const programs = fakeStacks({ docker: { version: engineDown } });
    await expect(start()).rejects.toThrow("the Docker engine does not answer");
    expect(programs.calls()).toEqual(startCalls.slice(0, 1));
  });

  test("that fails repeats Pulumi's diagnostics, or points at them on a terminal", async () => {
    const stdout = "Updating (letta):\nDiagnostics:\n  error: no space\nResources:\n    1 unchanged\n";
    fakeStacks({ pulumi: { "up ": { exitCode: 255, stdout } } });
    await expect(start()).rejects.toThrow(new UserError("stack letta did not come up\n  error: no space"));
    await expect(start({ isTerminal: true })).rejects.toThrow(
      new UserError("stack letta did not come up (pulumi ended with exit code 255, see above)"),
    );
  });
});

describe("letta stop", () => {
  async function stop(docker: FakeAnswers = {}, { yes = false, answer = false } = {}) {
    const programs = fakeStacks({ docker });
    const deps = fakeDeps({ answer });
    const exitCode = await stopLetta({ stack: "letta", yes }, deps);
    const stops = programs.calls().filter((call) => call.startsWith("docker stop"));
    return { exitCode, stops, printed: deps.printed, questions: deps.questions };
  }
  const busy = {
    "network inspect": networkOf("letta-server", "thoth-api", "a-script", "web"),
    "container inspect thoth-api": inspected({}, { labels: { "thoth-letta.prefix": "thoth" } }),
    "container inspect web": inspected({}, { labels: { "com.docker.compose.project": "shop" } }),
  };
  const sessionsOf = (...roles: string[]) => ({ "exec -i letta-postgres psql": { stdout: `${roles.join("\n")}\n` } });

  test("stops clients first, and together what may stop together", async () => {
    const { printed, ...rest } = await stop();
    expect(rest).toEqual({ exitCode: 0, stops: stopsInOrder, questions: [] });
    expect(printed.at(-1)).toBe("stack letta is stopped; its data is kept: make letta-start");
  });

  test("skips what is stopped or gone", async () => {
    const { exitCode, stops } = await stop({
      "container inspect letta-nginx": inspected({ Status: "exited" }),
      "container inspect letta-redis": notThere,
      "container inspect letta-backup": notThere,
    });
    expect(exitCode).toBe(0);
    expect(stops).toEqual([
      "docker stop letta-server letta-drill letta-model letta-page",
      "docker stop letta-postgres",
    ]);
  });

  test("refuses while others are connected, and names each of them", async () => {
    // Either of the project's roles counts; Letta's own and others' do not.
    const sessions = sessionsOf("thoth", "letta", "thoth-b", "postgres");
    expect(await stop({ ...busy, ...sessions })).toMatchObject({
      exitCode: 1,
      stops: [],
      printed: [
        'these use the letta stack "letta" and will lose it:',
        "  container a-script (started by hand)",
        "  container thoth-api (stack thoth)",
        "  container web (compose project shop)",
        "  project thoth: 2 Postgres sessions",
        "stop it anyway?",
        "nothing was changed; to go ahead without a question: make this YES=1",
      ],
    });
  });

  test("refuses for one session without a container on the network", async () => {
    const { exitCode, printed } = await stop(sessionsOf("thoth"));
    expect(exitCode).toBe(1);
    expect(printed[1]).toBe("  project thoth: 1 Postgres session");
  });

  test.each([
    { how: "told so", given: { yes: true }, questions: [] },
    { how: "answered so", given: { answer: true }, questions: ["stop it anyway?"] },
  ])("stops all the same when $how", async ({ given, questions }) => {
    expect(await stop(busy, given)).toMatchObject({ exitCode: 0, stops: stopsInOrder, questions });
  });

  test("of a stack that never came up says so", async () => {
    fakeStacks({ pulumi: without("letta") });
    await expect(stopLetta({ stack: "letta", yes: true }, fakeDeps())).rejects.toThrow(
      new UserError("stack letta was never brought up", "make letta-start"),
    );
  });
});

describe("letta restart", () => {
  test("stops, then starts", async () => {
    const programs = fakeStacks();
    expect(await restartLetta({ stack: "letta", yes: false }, fakeDeps())).toBe(0);
    const calls = programs.calls();
    expect(calls.slice(calls.indexOf("docker stop letta-redis letta-postgres") + 1)).toEqual(startCalls);
  });

  test("leaves it running when it may not stop it", async () => {
    const programs = fakeStacks({ docker: { "network inspect": networkOf("a-script") } });
    expect(await restartLetta({ stack: "letta", yes: false }, fakeDeps())).toBe(1);
    expect(programs.calls().filter((call) => call.startsWith("pulumi up"))).toEqual([]);
  });
});
