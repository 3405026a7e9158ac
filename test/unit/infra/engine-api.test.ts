import { createHash } from "node:crypto";
import { chmodSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { askEngine } from "../../../infra/lib/docker/api.ts";
import { execIn, inspectContainer } from "../../../infra/lib/docker/engine.ts";
import { fakeDocker } from "../../support/fake-docker.ts";
import { temporaryFiles, temporaryFolder, withEnvironment } from "../../support/temporary.ts";

/** A separate engine that says its name to everything; not the one the environment names. */
async function listening(name: string): Promise<string> {
  const socket = join(temporaryFolder(), "engine.sock");
  const server = createServer((_, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  return `unix://${socket}`;
}

const says = async () => (await askEngine("GET", "/_ping")).body.toString();

/** A folder of the CLI's config with one context. */
function configured(context: string, host: string, config: object = {}): string {
  const id = createHash("sha256").update(context).digest("hex");
  return temporaryFiles({
    "config.json": JSON.stringify(config),
    [`contexts/meta/${id}/meta.json`]: JSON.stringify({ Name: context, Endpoints: { docker: { Host: host } } }),
  });
}

const nothing = { DOCKER_HOST: undefined, DOCKER_CONTEXT: undefined, DOCKER_CONFIG: undefined };

describe("the engine is found as by the Docker CLI", () => {
  test("in DOCKER_HOST, whatever the context", async () => {
    const DOCKER_CONFIG = configured("other", await listening("of the context"), { currentContext: "other" });
    withEnvironment({ ...nothing, DOCKER_CONFIG, DOCKER_HOST: await listening("of DOCKER_HOST") });
    expect(await says()).toBe("of DOCKER_HOST");
  });

  test("else in the context that DOCKER_CONTEXT names", async () => {
    const DOCKER_CONFIG = configured("named", await listening("of the named"), { currentContext: "other" });
    withEnvironment({ ...nothing, DOCKER_CONFIG, DOCKER_CONTEXT: "named" });
    expect(await says()).toBe("of the named");
  });

  test("else in the context in use", async () => {
    const DOCKER_CONFIG = configured("other", await listening("of the context"), { currentContext: "other" });
    withEnvironment({ ...nothing, DOCKER_CONFIG });
    expect(await says()).toBe("of the context");
  });

  test.each(["ssh://me@elsewhere", "tcp://10.0.0.1:2376"])("and the CLI itself connects to %s", async (host) => {
    // It reads the request before it answers, as an engine does.
    const answer = "HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\n";
    const script = ["#!/bin/sh", "read -r line", `printf "${answer}$2"`, "cat >/dev/null"].join("\n");
    const folder = temporaryFiles({ docker: script });
    chmodSync(join(folder, "docker"), 0o755);
    withEnvironment({ ...nothing, DOCKER_HOST: host, PATH: `${folder}:${process.env.PATH}` });
    expect(await says()).toBe("dial-stdio");
  });
});

test.each([
  ["nobody listens", join("/nonexistent", "engine.sock"), "the Docker engine does not answer"],
  ["it is too slow", undefined, "the Docker engine does not answer within 0.1 s"],
])("an engine is reported where %s", async (_, path, message) => {
  const socket = path ?? join(temporaryFolder(), "engine.sock");
  if (path === undefined) {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  withEnvironment({ ...nothing, DOCKER_HOST: `unix://${socket}` });
  await expect(askEngine("GET", "/_ping", { timeoutSeconds: 0.1 })).rejects.toThrow(message);
});

test("a container's name stays one part of the path", async () => {
  const programs = fakeDocker({ "container inspect": { exitCode: 1, stderr: "Error: No such container\n" } });
  expect(await inspectContainer("a/../b")).toBeUndefined();
  expect(programs.calls()).toEqual(["container inspect a/../b"]);
});

test("a command in a container gives its exit code and both streams", async () => {
  fakeDocker({ "exec a sh -c x": { exitCode: 3, stdout: "out\n", stderr: "err\n" } });
  const said = await execIn("a", ["sh", "-c", "x"], { timeoutSeconds: 5 });
  expect(said).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
});
