import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import type { Place } from "./stacks.ts";

/** Not in a temporary folder: that may be in memory, and the engine puts file systems of layers on it. */
const engineFolder = "/var/lib/thoth-letta-other-engine";
const network = "thoth-letta-other";
const pidFile = join(engineFolder, "pid");

/**
 * A second Docker engine with its own data folder and network: to its containers it is another machine that shares only
 * the file system with this one.
 */
export class OtherEngine implements Place {
  /** In its network: its containers' ports are on a loopback that is not this machine's. */
  readonly wrapper = ["nsenter", `--net=/run/netns/${network}`];
  readonly network = network;
  readonly socket = join(engineFolder, "docker.sock");
  readonly env = { DOCKER_HOST: `unix://${this.socket}` };

  async start(): Promise<void> {
    await this.remove();
    mkdirSync(engineFolder, { mode: 0o700 });
    execFileSync("ip", ["netns", "add", network]);
    execFileSync("ip", ["-n", network, "link", "set", "lo", "up"]);
    const log = openSync(join(engineFolder, "log"), "w");
    const places = { "data-root": "data", "exec-root": "exec", pidfile: "pid" };
    const options = Object.entries(places).map(([option, name]) => `--${option}=${join(engineFolder, name)}`);
    const [file = "", ...args] = [...this.wrapper, "dockerd", ...options, `--host=${this.env.DOCKER_HOST}`];
    spawn(file, args, { detached: true, stdio: ["ignore", log, log] }).unref();
    closeSync(log);
    await vi.waitFor(() => this.docker(["version"]), { timeout: 60_000, interval: 300 });
  }

  /** Runs the Docker CLI on it. @returns what it prints */
  docker(args: readonly string[]): string {
    const env = { ...process.env, ...this.env };
    return execFileSync("docker", [...args], { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Gives it images of this machine's engine. */
  async load(references: readonly string[]): Promise<void> {
    const saving = spawn("docker", ["save", ...references], { stdio: ["ignore", "pipe", "inherit"] });
    const loading = spawn("docker", ["load", "--quiet"], {
      env: { ...process.env, ...this.env },
      stdio: [saving.stdout, "ignore", "inherit"],
    });
    const codes = await Promise.all([once(saving, "exit"), once(loading, "exit")]);
    if (codes.some(([code]) => code !== 0)) throw new Error("the images could not be copied to the other engine");
  }

  /** Ends it, and removes all that it has. */
  async remove(): Promise<void> {
    if (existsSync(pidFile)) {
      const pid = Number(readFileSync(pidFile, "utf8"));
      const containers = this.docker(["ps", "--all", "--quiet"]).split("\n").filter(Boolean);
      if (containers.length > 0) this.docker(["rm", "--force", ...containers]);
      process.kill(pid, "SIGTERM");
      await vi.waitUntil(() => !existsSync(pidFile), { timeout: 30_000, interval: 200 });
    }
    // Of a container that had the engine's own network.
    spawnSync("umount", [join(engineFolder, "exec/netns/default")]);
    // The kernel lets go of the last container's file system a little later.
    rmSync(engineFolder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    if (existsSync(`/run/netns/${network}`)) execFileSync("ip", ["netns", "delete", network]);
  }
}
