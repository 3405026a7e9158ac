import type { ContainerState } from "../../infra/lib/docker/engine.ts";
import type { FakeAnswer } from "./fake-programs.ts";

/** What `docker container inspect` says of a container; healthy and running by default. */
export function inspected(
  state: Partial<ContainerState["State"]> = {},
  { restartCount = 0, test = ["CMD", "check", "-q"], image = "image:1", labels = {}, processes = 100 } = {},
): FakeAnswer {
  const status = state.Status ?? "running";
  const isRunning = status === "running" || status === "restarting";
  const container = {
    Id: "0123",
    Name: "/a-container",
    RestartCount: restartCount,
    State: {
      ...{ Status: status, Running: isRunning, OOMKilled: false, ExitCode: 0, Error: "" },
      Health: { Status: "healthy" },
      ...state,
    },
    Config: { Image: image, Labels: labels, Healthcheck: { Test: test } },
    HostConfig: { PidsLimit: processes },
  };
  return { stdout: JSON.stringify([container]) };
}

/** What it says of a container that is not there. */
export const notThere: FakeAnswer = { exitCode: 1, stdout: "[]\n", stderr: "Error: No such container: a-container\n" };

/** What the Docker CLI says when no engine listens. */
export const engineDown: FakeAnswer = {
  exitCode: 1,
  stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
};
