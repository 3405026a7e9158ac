import { spawn } from "node:child_process";
import { existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { engineName, usualEngine } from "../../infra/lib/docker/host.ts";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { isAlive } from "../lib/process.ts";
import type { Step } from "../lib/steps.ts";

const logFile = "/var/log/dockerd.log";
const startSeconds = 60;

/** A running Docker engine; installs and starts one if there is none and this user may. */
export function engineStep(deps: Deps): Step {
  return {
    id: "engine",
    title: "Docker engine",
    isDone: async () => (await serverVersion(deps)) !== undefined,
    async run(report) {
      requireInstallable(thisHost());
      if (!existsSync("/usr/bin/dockerd") && !existsSync("/usr/sbin/dockerd")) {
        report("no engine here: installing the distribution's docker.io, containerd and runc");
        await installEngine(deps);
      }
      report("starting the engine");
      await startEngine(deps);
    },
  };
}

/** The engine's version, or undefined when none answers. */
async function serverVersion(deps: Deps): Promise<string | undefined> {
  const result = await deps.$({ nothrow: true })`docker version --format '{{.Server.Version}}'`;
  return result.exitCode === 0 ? result.stdout.trim() : undefined;
}

/** What decides whether an engine may be installed and started here. */
export interface Host {
  /** The engine's address. */
  readonly engine: string;
  /** Text of /etc/os-release; empty where there is none. */
  readonly osRelease: string;
  readonly isRoot: boolean;
}

function thisHost(): Host {
  return {
    engine: engineName(),
    osRelease: existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "",
    isRoot: process.getuid?.() === 0,
  };
}

/** @throws UserError where setup must not or cannot install an engine */
export function requireInstallable({ engine, osRelease, isRoot }: Host): void {
  const problem = "no Docker engine answers here";
  if (engine !== usualEngine) {
    throw new UserError(
      `${problem}: DOCKER_HOST, or the Docker context in use, names ${engine}`,
      "start that engine; or unset DOCKER_HOST and run docker context use default",
    );
  }
  if (!/^ID(_LIKE)?=.*(debian|ubuntu)/m.test(osRelease)) {
    throw new UserError(
      `${problem}, and setup can install one only on Debian and Ubuntu`,
      "install Docker and start it",
    );
  }
  if (!isRoot) {
    throw new UserError(
      `${problem}, and only root can start or install one`,
      "start Docker, or run sudo make setup once",
    );
  }
}

async function installEngine(deps: Deps): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" } as Record<string, string>;
  const result = await deps.$({ nothrow: true, env })`
    apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io containerd runc iptables`;
  if (result.exitCode === 0) return;
  const lastLines = `${result.stdout}${result.stderr}`.trim().split("\n").slice(-10).join("\n    ");
  throw new UserError(
    `the Docker engine could not be installed:\n    ${lastLines}`,
    "install Docker by hand and start it",
  );
}

async function startEngine(deps: Deps): Promise<void> {
  if (existsSync("/run/systemd/system")) await deps.$`systemctl start docker`;
  else startByHand();
  for (let tenths = 0; tenths < startSeconds * 10; tenths++) {
    if ((await serverVersion(deps)) !== undefined) return;
    await sleep(100);
  }
  const log = existsSync(logFile) ? readFileSync(logFile, "utf8").trim().split("\n").slice(-10) : [];
  throw new UserError(`dockerd does not answer after ${startSeconds} s:\n    ${log.join("\n    ")}`, `see ${logFile}`);
}

/** Without a service manager: in a separate session, so that it outlives this command and its terminal. */
function startByHand(): void {
  removeStalePidFile("/var/run/docker.pid", "dockerd");
  removeStalePidFile("/var/run/docker/containerd/containerd.pid", "containerd");
  const log = openSync(logFile, "a", 0o600);
  spawn("dockerd", [], { detached: true, stdio: ["ignore", log, log] }).unref();
}

/**
 * Removes a pid file left by a crash if the id now belongs to another program.
 *
 * dockerd only checks that some process has that id: it would conclude that it, or containerd, already runs, and exit.
 */
export function removeStalePidFile(file: string, program: string): void {
  if (!existsSync(file)) return;
  if (!isAlive(Number(readFileSync(file, "utf8")), program)) rmSync(file);
}
