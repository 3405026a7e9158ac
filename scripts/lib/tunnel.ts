import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { remoteEngineVariable, usualEngine } from "../../infra/lib/docker/host.ts";
import { UserError } from "../../infra/lib/errors.ts";

/** A port of the engine's host that this host opens on its loopback, with the stack whose port it is. */
export interface Forward {
  readonly port: number;
  readonly stack: string;
}

/** Ends connection and tunnel by themselves soon after their last command, and lets commands at the same time share both. */
const sharedSeconds = 10;

/**
 * Opens one SSH connection to an engine's host, for the engine's socket and for the published ports, so that this host reaches
 * both as if the engine were here. It lasts until this process ends, however it ends.
 *
 * @param engine `ssh://[user@]host[:port][/path/of/socket]`, as Docker reads it
 * @returns the variables by which this process and its children find the engine
 * @throws UserError when SSH cannot connect, or a port is taken on this host
 */
export async function openTunnel(engine: string, forwards: readonly Forward[]): Promise<Record<string, string>> {
  const socket = localSocket(engine);
  const { hostname, port, username, pathname } = new URL(engine);
  const there = pathname.length > 1 ? pathname : usualEngine.slice("unix://".length);
  const args = [
    ...["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=15"],
    ...["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes"],
    ...["-o", "ControlMaster=auto", "-o", `ControlPersist=${sharedSeconds}`, "-o", `ControlPath=${socket}c`],
    ...["-L", `${socket}:${there}`],
    ...[...new Set(forwards.map((one) => one.port))].flatMap((one) => ["-L", `127.0.0.1:${one}:127.0.0.1:${one}`]),
    ...(username === "" ? [] : ["-l", decodeURIComponent(username)]),
    ...(port === "" ? [] : ["-p", port]),
  ];
  // `cat` ends with this process, since its input does.
  const child = spawn("ssh", [...args, "--", hostname, "echo ready; exec cat"], { stdio: ["pipe", "pipe", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    child.stdout.once("data", () => resolve());
    child.once("error", (error) =>
      reject(new UserError(`ssh cannot be run: ${error.message}`, "install OpenSSH's client")),
    );
    child.once("close", () => reject(tunnelError(engine, said.trim(), forwards)));
  });
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr] as unknown as Socket[]) stream.unref();
  return { DOCKER_HOST: `unix://${socket}`, [remoteEngineVariable]: engine };
}

/** In a folder of this user alone, and short: a socket's path has at most 107 characters, 17 of which ssh needs. */
function localSocket(engine: string): string {
  const folder = process.env.XDG_RUNTIME_DIR || join(homedir(), ".ssh");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, `thoth-${createHash("sha256").update(engine).digest("hex").slice(0, 8)}`);
}

function tunnelError(engine: string, said: string, forwards: readonly Forward[]): UserError {
  const taken = Number(
    /127\.0\.0\.1[\]:]*(\d+): Address already in use|listen port (\d+)/.exec(said)?.slice(1).find(Boolean),
  );
  const owner = forwards.find(({ port }) => port === taken);
  if (owner !== undefined) {
    return new UserError(
      `port ${taken} of this host is taken, so it cannot lead to stack ${owner.stack} on ${engine}`,
      `stop what has it here, or give the stack another port: docs/ci.md`,
    );
  }
  return new UserError(
    `SSH does not reach the engine's host ${engine}: ${said.split("\n").at(-1)}`,
    `ssh ${engine}, which has to connect without asking`,
  );
}
