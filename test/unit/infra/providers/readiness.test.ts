import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import provider from "../../../../infra/providers/readiness.ts";
import { engineDown, inspected, notThere } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const inputs = { container: "a-container", containerId: "id-1", timeoutSeconds: 10, processes: 100 };
const diff = (news = inputs) => provider.diff?.("a-container", inputs, news);
const starting = inspected({ Health: { Status: "starting" } });
const unlimited = inspected({}, { processes: 0 });
const refused = { exitCode: 1, stderr: "Error response from daemon: cannot update a stopped container\n" };
const passes = { exitCode: 0 };
const fails = { exitCode: 1, stderr: "connection refused\n" };

describe("diff", () => {
  test("of a healthy container shows no change, and asks only the engine", async () => {
    const docker = fakeDocker({ "container inspect a-container": inspected() });
    expect(await diff()).toEqual({ changes: false });
    expect(docker.calls()).toEqual(["container inspect a-container"]);
  });

  test("of a container that Docker has not checked yet runs the check itself", async () => {
    const docker = fakeDocker({ "container inspect": starting, "exec a-container": passes });
    expect(await diff()).toEqual({ changes: false });
    expect(docker.calls()).toContain("exec a-container check -q");
  });

  test.each([
    ["stopped", { "container inspect": inspected({ Status: "exited" }) }],
    ["paused", { "container inspect": inspected({ Status: "paused", Running: true }) }],
    ["gone", { "container inspect": notThere }],
    ["unhealthy", { "container inspect": inspected({ Health: { Status: "unhealthy" } }), exec: fails }],
    ["without its process limit", { "container inspect": unlimited }],
  ])("of a container that is %s shows a change", async (_, answers) => {
    fakeDocker(answers);
    expect(await diff()).toEqual({ changes: true });
  });

  test("of a new container shows a change, however healthy; of a longer timeout none", async () => {
    fakeDocker({ "container inspect": inspected() });
    expect(await diff({ ...inputs, containerId: "id-2" })).toEqual({ changes: true });
    expect(await diff({ ...inputs, timeoutSeconds: 20 })).toEqual({ changes: false });
  });

  test("says when there is no engine", async () => {
    fakeDocker({ "container inspect": engineDown });
    await expect(diff()).rejects.toThrow("the Docker engine does not answer");
  });
});

describe("create", () => {
  test("waits until the check passes, and starts nothing that runs", async () => {
    const docker = fakeDocker({ "container inspect": starting, exec: [fails, fails, passes] });
    expect(await provider.create(inputs)).toEqual({ id: "a-container", outs: inputs });
    expect(docker.calls().filter((call) => call === "exec a-container check -q")).toHaveLength(3);
  });

  test("runs another check in place of the container's, where it is given one", async () => {
    const docker = fakeDocker({ "container inspect": starting, "exec a-container check -q": fails, exec: passes });
    await provider.create({ ...inputs, check: ["ask", "mcp"] });
    expect(docker.calls().filter((call) => call.startsWith("exec"))).toEqual(["exec a-container ask mcp"]);
  });

  test("of several roles in the container, fails with the cause and the lines of the one that ended", async () => {
    const ended =
      "monitor | thoth: error: unrecognized arguments: --x\nmonitor | role ended with exit code 2: the container ends";
    fakeDocker({
      "container inspect": inspected({ Status: "exited", ExitCode: 1 }),
      start: {},
      exec: fails,
      logs: { stdout: `api | Permission denied\n${ended}\napi | bye\n` },
    });
    await expect(provider.create(inputs)).rejects.toThrow(
      "a-container stopped instead of answering (exit code 1)\n" +
        "  likely cause: role monitor ended with exit code 2: unrecognized arguments: --x: check the command in the stack's config\n" +
        `  last lines of its log:\n    ${ended.replace("\n", "\n    ")}`,
    );
  });

  test("runs a shell's check with the shell", async () => {
    const shell = inspected({}, { test: ["CMD-SHELL", "redis-cli ping | grep -qx PONG"] });
    const docker = fakeDocker({ "container inspect": shell, exec: passes });
    await provider.create(inputs);
    expect(docker.calls()).toContain("exec a-container /bin/sh -c redis-cli ping | grep -qx PONG");
  });

  test.each([
    ["start", "exited", false],
    ["start", "created", false],
    ["unpause", "paused", true],
  ] as const)("%ss a container that is %s", async (command, Status, Running) => {
    const docker = fakeDocker({
      "container inspect": [inspected({ Status, Running }), inspected()],
      [`${command} a-container`]: {},
      exec: passes,
    });
    await provider.create(inputs);
    expect(docker.calls()).toContain(`${command} a-container`);
  });

  test("says how to bring back a container that was removed by hand", async () => {
    fakeDocker({ "container inspect": notThere });
    await expect(provider.create(inputs)).rejects.toThrow(
      new UserError(
        "a-container: the engine no longer has this container",
        "pulumi refresh, then pulumi up (or the stack's start command, which does both)",
      ),
    );
  });

  test("fails at once for a container that stops, with its exit code, the likely cause and its last lines", async () => {
    const timed = (second: number, text: string) => `2026-11-24T12:00:${second}.000000000Z ${text}\n`;
    const log = Array.from({ length: 20 }, (_, index) => timed(index + 20, `line ${index + 1}`)).join("");
    const docker = fakeDocker({
      "container inspect": [inspected(), inspected(), inspected({ Status: "exited", ExitCode: 1 })],
      exec: fails,
      "logs --timestamps --tail 400 a-container": {
        stdout: timed(41, "the end"),
        stderr: `${log}${timed(40, "FATAL: No space left on device")}`,
      },
    });
    // Were it to wait for its timeout, this test would not end.
    await expect(provider.create({ ...inputs, timeoutSeconds: 1e6 })).rejects.toThrow(
      new UserError(
        "a-container stopped instead of answering (exit code 1)\n" +
          "  likely cause: the disk is full: free space, then start again\n  last lines of its log:\n" +
          Array.from({ length: 13 }, (_, index) => `    line ${index + 8}\n`).join("") +
          "    FATAL: No space left on device\n    the end",
      ),
    );
    expect(docker.calls().at(-1)).toBe("logs --timestamps --tail 400 a-container");
  });

  const says = "its health check says:";
  const red = { exitCode: 1, stdout: "trying\n", stderr: "curl: (7) Failed to connect\n" };
  test.each([
    ["the check's last line", inspected(), red, `${says} trying\n  last lines of its log:\n    still loading`],
    ["the exit code of a silent check", inspected(), { exitCode: 3 }, `${says} exit code 3`],
    ["the engine's refusal", unlimited, red, "its process limit is not set: Error response from daemon: cannot update"],
  ])("fails in time with %s", async (_, state, exec, problem) => {
    const logs = { stdout: "still loading\n" };
    fakeDocker({ "container inspect": state, update: refused, exec, logs });
    const created = provider.create({ ...inputs, timeoutSeconds: 0.1 });
    await expect(created).rejects.toThrow(`a-container did not answer within 0.1 s; ${problem}`);
  });

  test("limits the container's processes, again when the engine refused that between two of its restarts", async () => {
    const docker = fakeDocker({
      "container inspect": unlimited,
      "update --pids-limit 100 a-container": [refused, {}],
      exec: passes,
    });
    await provider.create(inputs);
    expect(docker.calls().filter((call) => call.startsWith("update"))).toHaveLength(2);
  });

  describe("sees a crash loop behind a state of running", () => {
    const loop = (...counts: number[]) => counts.map((restartCount) => inspected({}, { restartCount }));
    const log = { stderr: "ModuleNotFoundError: No module named 'letta'\n" };

    test("at the third restart", async () => {
      // Each round asks twice: for the check, and for the state after it.
      fakeDocker({ "container inspect": loop(5, 5, 6, 6, 7, 7, 8), exec: fails, logs: log });
      await expect(provider.create(inputs)).rejects.toThrow(
        /^a-container stopped instead of answering\n {2}likely cause: the image is incomplete/,
      );
    });

    test("not because of earlier restarts", async () => {
      fakeDocker({ "container inspect": loop(5, 5, 7), exec: [fails, passes] });
      await expect(provider.create(inputs)).resolves.toMatchObject({ id: "a-container" });
    });

    test("though a container that had crashed before was started again, which sets the count to 0", async () => {
      const docker = fakeDocker({
        "container inspect": [inspected({ Status: "exited" }, { restartCount: 9 }), ...loop(0, 1, 2, 3)],
        start: {},
        exec: fails,
        logs: log,
      });
      await expect(provider.create({ ...inputs, timeoutSeconds: 1 })).rejects.toThrow("stopped instead of answering");
      expect(docker.calls()).toContain("start a-container");
    });
  });
});
