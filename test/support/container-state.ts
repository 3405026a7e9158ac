import type { ContainerState } from "../../infra/lib/docker/engine.ts";
import type { FakeAnswer } from "./fake-programs.ts";

/** What `docker container inspect` says of a container; healthy and running by default. */
export function inspected(
  state: Partial<ContainerState["State"]> = {},
  rest: {
    restartCount?: number;
    test?: readonly string[];
    image?: string;
    labels?: Readonly<Record<string, string>>;
    processes?: number;
  } = {},
): FakeAnswer {
  const status = state.Status ?? "running";
  const container = {
    Id: "0123",
    Name: "/a-container",
    RestartCount: rest.restartCount ?? 0,
    State: {
      Status: status,
      Running: status === "running" || status === "restarting",
      OOMKilled: false,
      ExitCode: 0,
      Error: "",
      Health: { Status: "healthy" },
      ...state,
    },
    Config: {
      Image: rest.image ?? "image:1",
      Labels: rest.labels ?? {},
      Healthcheck: { Test: rest.test ?? ["CMD", "check", "-q"] },
    },
    HostConfig: { PidsLimit: rest.processes ?? 100 },
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
