import { chmodSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { docker, dockerOutput, inspectContainer } from "../../../infra/lib/docker/engine.ts";
import { engineError } from "../../../infra/lib/docker/failures.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { engineDown } from "../../support/container-state.ts";
import { fakeDocker } from "../../support/fake-docker.ts";
import { temporaryFiles, temporaryFolder, withEnvironment } from "../../support/temporary.ts";

describe("docker", () => {
  test("passes its input, returns exit code and both streams, and does not throw", async () => {
    const fake = fakeDocker({ run: { exitCode: 7, stdout: "out\n", stderr: "err\n" } });
    expect(await docker(["run", "x"], { input: "line\n" })).toEqual({ exitCode: 7, stdout: "out\n", stderr: "err\n" });
    expect(fake.lastInput()).toBe("line\n");
  });

  test("ends a command that takes too long, as failed", async () => {
    const folder = temporaryFiles({ docker: "#!/bin/sh\nexec sleep 30\n" });
    chmodSync(`${folder}/docker`, 0o755);
    withEnvironment({ PATH: `${folder}:${process.env.PATH}` });
    expect((await docker(["ps"], { timeoutSeconds: 0.2 })).exitCode).toBe(124);
  });

  test("says how to install a missing command", async () => {
    withEnvironment({ PATH: temporaryFolder() });
    await expect(docker(["ps"])).rejects.toThrow(new UserError("the docker command is not on PATH", "make setup"));
  });

  test("accepts a command that leaves its input unread", async () => {
    fakeDocker({ ps: { stdout: "ok" } });
    expect((await docker(["ps"], { input: "x".repeat(1024 * 1024) })).stdout).toBe("ok");
  });
});

test("dockerOutput throws the command's message without its arguments, or its exit code", async () => {
  const stderr = "Error response from daemon: port is already allocated\n";
  fakeDocker({ start: [{ exitCode: 1, stderr }, { exitCode: 3 }, engineDown] });
  await expect(dockerOutput(["start", "a"])).rejects.toThrow(new Error(`docker start: ${stderr.trim()}`));
  await expect(dockerOutput(["start", "a"])).rejects.toThrow(new Error("docker start: exit code 3"));
  await expect(dockerOutput(["start", "a"])).rejects.toThrow(UserError);
});

test.each([
  ["Cannot connect to the Docker daemon at unix:///run/x.sock. Is the docker daemon running?", "does not answer"],
  ["error during connect: Get http://x: EOF", "does not answer"],
  ["permission denied while trying to connect to the Docker daemon socket at unix:///run/x.sock", "refuses this user"],
  ["open /root/.docker/config.json: permission denied", undefined],
  ["Got permission denied: unix:///var/run/docker.sock", "refuses this user"],
  ["Error: No such container: x", undefined],
])("%s", (stderr, expected) => {
  const message = engineError(stderr)?.message;
  if (expected === undefined) expect(message).toBeUndefined();
  else expect(message).toContain(expected);
});

test("another failure is not mistaken for a missing container", async () => {
  fakeDocker({ "container inspect a": [engineDown, { exitCode: 1, stderr: "unknown flag\n" }] });
  await expect(inspectContainer("a")).rejects.toThrow(UserError);
  await expect(inspectContainer("a")).rejects.toThrow("the Docker engine: unknown flag");
});
