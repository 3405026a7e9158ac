import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { agentNames, firstBackup, makeAgent } from "../support/restores.ts";
import { generatedPasswords } from "../support/secrets.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { type Place, succeeded } from "../support/stacks.ts";

/** Not in a temporary folder: that may be in memory, and the engine puts file systems of layers on it. */
const engineFolder = "/var/lib/thoth-letta-other-engine";
const network = "thoth-letta-other";
const pidFile = join(engineFolder, "pid");

/**
 * A second Docker engine with its own data folder and network: to its containers it is another machine that shares only
 * the file system with this one.
 */
class OtherEngine implements Place {
  /** In its network: its containers' ports are on a loopback that is not this machine's. */
  readonly wrapper = ["nsenter", `--net=/run/netns/${network}`];
  readonly env = { DOCKER_HOST: `unix://${join(engineFolder, "docker.sock")}` };

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
    rmSync(engineFolder, { recursive: true, force: true });
    if (existsSync(`/run/netns/${network}`)) execFileSync("ip", ["netns", "delete", network]);
  }
}

const here = await ownProject();
const engine = new OtherEngine();
const folder = mkdtempSync(join(tmpdir(), "thoth-letta-export-"));

beforeAll(() => engine.start());
afterAll(async () => {
  await engine.remove();
  rmSync(folder, { recursive: true });
});

test("a stack of the same names comes up on another machine's engine from the archive and the recovery key", async () => {
  succeeded(await here.command(["letta", "start"]));
  await here.psql("create table notes as select 'kept' as text", "thoth");
  await makeAgent(here, "traveller");
  await firstBackup(here);
  succeeded(await here.command(["backup", "export", join(folder, "export")]));
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, succeeded(await here.command(["backup", "key", "--show-secrets"])).stdout);
  const containers = Object.keys(await here.containers(here.letta));
  const images = (await dockerOutput(["inspect", "--format", "{{.Config.Image}}", ...containers])).trim().split("\n");
  await engine.load([...new Set(images)]);
  // Both have one name for everything: nothing of here may be what answers.
  const stopped = succeeded(await here.command(["letta", "stop", "--yes"]));
  expect(stopped.exitCode).toBe(0);

  const there = await ownProject({ place: engine, letta: { prefix: here.letta } });
  const imported = await there.command(["backup", "import", join(folder, "export"), "--key-file", keyFile]);
  succeeded(imported);

  const inPostgres = ["exec", `${here.letta}-postgres`, "psql", "-U", "postgres", "-qtA", "-d"];
  expect(engine.docker([...inPostgres, "thoth", "-c", "select text from notes"]).trim()).toBe("kept");
  expect(engine.docker([...inPostgres, "letta", "-c", "select name from agents"]).trim()).toBe("traveller");
  expect(await generatedPasswords(there, there.letta)).toEqual(await generatedPasswords(here, here.letta));
  expect(succeeded(await there.command(["letta", "status"])).output).toContain(`stack ${there.letta}: healthy`);
  succeeded(await there.pulumi(["preview", "--expect-no-changes", "--stack", there.letta]));

  succeeded(await here.command(["letta", "start"]));
  expect(await agentNames(here)).toEqual(["traveller"]);
});
