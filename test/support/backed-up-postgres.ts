import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { paths, type SettingsInput } from "../../images/backup/src/contract.ts";
import {
  archiveEnvironment,
  postgresFiles,
  postgresPaths,
  postgresSettings,
} from "../../infra/components/postgres-settings.ts";
import type { LettaConfig } from "../../infra/config/letta.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";

/** Images of a stack's Postgres and of its backup agent. */
export interface BackupImages {
  readonly postgres: string;
  readonly backup: string;
}

/** What a command of the agent said last. */
export interface AgentAnswer<Value> {
  readonly value: Value;
  readonly problem: string | undefined;
}

/** Options that a test may want otherwise. */
export interface BackedUpOptions {
  readonly settings?: Partial<SettingsInput>;
  /** Of the server, `name=value`. */
  readonly server?: readonly string[];
  /** Docker network of the agent; default: none. */
  readonly network?: string;
  /** Further arguments of `docker run` for both containers. */
  readonly run?: readonly string[];
}

const sources = join(root, "images");
/** Arguments of `docker run`: an agent of the checkout's own sources, whatever the image has. */
export const agentSources = [
  ...["-v", `${join(sources, "backup/src")}:/opt/backup/src:ro`],
  ...["-v", `${join(sources, "backup/backup")}:/usr/local/bin/backup:ro`],
];

/**
 * Shell that copies a folder to which others go on writing.
 *
 * `cp` fails on a file that is gone before its turn, such as pgBackRest's temporary ones; tar says so, and goes on.
 */
export const copyLive = (from: string, to: string): string =>
  `tar -C ${from} --exclude='*.pgbackrest.tmp' -cf - . | tar -C ${to} -xf -`;

/** A Postgres with its backup agent, as in a letta stack, without the rest of the stack. */
export class BackedUpPostgres {
  readonly name: string;
  readonly postgres: string;
  readonly agent: string;
  /** The volume that {@link restore} fills. */
  readonly restored: string;
  readonly #images: BackupImages;
  readonly #options: BackedUpOptions;
  readonly settings: SettingsInput;

  /** @param name of its containers and volumes begins with this */
  constructor(name: string, images: BackupImages, options: BackedUpOptions = {}) {
    this.name = name;
    this.postgres = `${name}-postgres`;
    this.agent = `${name}-backup`;
    this.restored = `${name}-restored`;
    this.#images = images;
    this.#options = options;
    const recoveryKey = "a-recovery-key-for-tests-of-44-letters-00000";
    const empty = { schedule: {}, retention: {}, configHash: "test", keys: {} };
    this.settings = { recoveryKey, stack: name, ...empty, ...options.settings };
  }

  /** From nothing. */
  async start(): Promise<void> {
    await this.remove();
    await this.startPostgres();
    await this.psql("create role letta", "postgres");
    await this.psql("create database letta owner letta", "postgres");
    await this.startAgent();
    await this.untilReady();
  }

  /** Starts Postgres on its volume, which may be one that was restored. */
  async startPostgres(volume = `${this.name}-postgres`): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.postgres]);
    const { archiveSeconds = 60 } = this.settings;
    const backup = { enabled: true, archiveSeconds } as LettaConfig["backup"];
    const sizes = { postgres: { maxConnections: 50, sharedBuffersMiB: 64 } };
    const settings = postgresSettings({ sizes, backup } as Parameters<typeof postgresSettings>[0]);
    const more = (this.#options.server ?? []).flatMap((setting) => ["-c", setting]);
    const mounts = Object.entries(postgresFiles).map(
      ([path, file]) => `${sources}/postgres/uploads/${file}:${path}:ro`,
    );
    const files = mounts.flatMap((mount) => ["-v", mount]);
    await dockerOutput([
      ...["run", "--detach", "--init", "--name", this.postgres, "--network", "none", "--shm-size", "256m"],
      ...(this.#options.run ?? []),
      ...["--env", `PGDATA=${postgresPaths.cluster}`, "--env", "POSTGRES_INITDB_ARGS=--data-checksums"],
      ...(await this.#archiving(backup)),
      ...["-v", `${volume}:${postgresPaths.volume}`, ...files, "--entrypoint", "bash", this.#images.postgres],
      ...["/usr/local/bin/postgres-guard", "postgres", ...settings, ...more],
    ]);
    // A first start runs a server on the socket alone before the one that stays.
    const probe = ["exec", this.postgres, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"];
    await vi.waitFor(() => dockerOutput(probe), { timeout: 120_000, interval: 200 });
  }

  async startAgent(volume = `${this.name}-postgres`): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.agent]);
    const folder = mkdtempSync(join(tmpdir(), "thoth-letta-test-"));
    writeFileSync(join(folder, "backup.json"), JSON.stringify(this.settings), { mode: 0o400 });
    await dockerOutput([
      ...["create", "--name", this.agent, "--network", this.#options.network ?? "none"],
      ...(this.#options.run ?? []),
      ...this.#agentMounts(`${this.name}-backup`),
      ...["-v", `${volume}:${paths.volume}:ro`, this.#images.backup, "backup", "serve"],
    ]);
    await dockerOutput(["cp", folder, `${this.agent}:/run/thoth-letta`]);
    rmSync(folder, { recursive: true });
    await dockerOutput(["start", this.agent]);
  }

  /** Waits until the agent's repository takes backups. */
  async untilReady(): Promise<void> {
    await vi.waitFor(() => dockerOutput(["exec", this.agent, "backup", "health"]), { timeout: 120_000, interval: 500 });
  }

  /** Runs SQL as superuser. @throws with what Postgres said */
  async psql(sql: string, database = "letta"): Promise<string> {
    const psql = ["psql", "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-qtA", "-d", database];
    return (await dockerOutput(["exec", "-i", this.postgres, ...psql], { input: sql })).trim();
  }

  /** Runs a command of the serving agent. */
  async command<Value>(...args: string[]): Promise<AgentAnswer<Value>> {
    return lastEvent((await docker(["exec", this.agent, "backup", ...args])).stdout);
  }

  /** Like {@link command}. @throws with its problem */
  async succeed<Value>(...args: string[]): Promise<Value> {
    const { value, problem } = await this.command<Value>(...args);
    if (problem !== undefined) throw new Error(problem);
    return value;
  }

  /** Runs a script in a container of the agent's image, as root, on the repository or a copy of it. */
  async shell(script: string, { volume = `${this.name}-backup` } = {}): Promise<string> {
    const mounts = ["-v", `${volume}:${paths.repository}`, "-v", `${this.name}-postgres:${paths.volume}`];
    return dockerOutput(["run", "--rm", "--network", "none", ...mounts, this.#images.backup, "bash", "-c", script]);
  }

  /** A copy of the repository to which something was done. @returns its volume */
  async copyRepository(damage: string): Promise<string> {
    const volume = `${this.name}-copy`;
    await docker(["volume", "rm", "--force", volume]);
    const mounts = ["-v", `${this.name}-backup:/from:ro`, "-v", `${volume}:/to`];
    const script = `set -eu; ${copyLive("/from", "/to")}; cd /to/pgbackrest; ${damage}`;
    await dockerOutput(["run", "--rm", ...mounts, this.#images.backup, "bash", "-c", script]);
    return volume;
  }

  /** Verifies a copy of the repository, which nobody serves. @returns what is wrong with it; undefined when nothing is */
  async verifyCopy(volume: string): Promise<string | undefined> {
    const script = `
      const { Backups } = await import("/opt/backup/src/pgbackrest/backups.ts");
      const { world } = await import("/opt/backup/src/world.ts");
      const checks = await new Backups(world, JSON.parse(process.argv[1])).verify();
      console.log(checks.filter(({ ok }) => !ok).map(({ name, detail }) => name + ": " + detail).join("; "));`;
    const node = ["node", "--input-type=module", "--eval", script, JSON.stringify(this.settings)];
    const run = ["run", "--rm", "--network", "none", ...this.#agentMounts(volume, "ro"), this.#images.backup, ...node];
    const said = (await dockerOutput(run)).trim();
    return said === "" ? undefined : said;
  }

  /** Restores into a new volume, as a one-off without anything but the repository. */
  async restore<Value>(
    target: string,
    { repository = `${this.name}-backup`, volume = this.restored, settings = {} as Partial<SettingsInput> } = {},
  ): Promise<AgentAnswer<Value>> {
    await docker(["volume", "rm", "--force", volume]);
    const mounts = [...this.#agentMounts(repository, "ro"), "-v", `${volume}:${paths.volume}`];
    const command = ["backup", "--settings", "-", "restore", "--target", target];
    const run = ["run", "--rm", "-i", "--network", "none", ...mounts, this.#images.backup, ...command];
    const { stdout } = await docker(run, { input: `${JSON.stringify({ ...this.settings, ...settings })}\n` });
    return lastEvent(stdout);
  }

  /** Asks the restored cluster, on a server that nobody else reaches. */
  async askRestored(sql: string, volume = this.restored): Promise<string> {
    const options = "-c listen_addresses= -c unix_socket_directories=/tmp -c archive_mode=off";
    const script = `exec 3>&1 >/dev/null; pg_ctl -D ${paths.cluster} -w -o "${options}" start || exit; psql -h /tmp -U postgres -d letta -qtA -c "$1" >&3; pg_ctl -D ${paths.cluster} -w -m fast stop`;
    const mounts = ["-v", `${volume}:${paths.volume}`];
    const run = ["run", "--rm", "--network", "none", "--user", "999:999", ...mounts, "--entrypoint", "bash"];
    return (await dockerOutput([...run, this.#images.postgres, "-c", script, "ask", sql])).trim();
  }

  /** Kills both containers at once, as a machine does that loses its power. */
  async kill(): Promise<void> {
    await dockerOutput(["kill", this.postgres, this.agent]);
  }

  async remove(): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.postgres, this.agent]);
    const volumes = ["postgres", "backup", "restored", "restored-again", "copy"].map((part) => `${this.name}-${part}`);
    await docker(["volume", "rm", "--force", ...volumes]);
  }

  /** What lets Postgres archive into the repository itself. */
  async #archiving(backup: LettaConfig["backup"]): Promise<string[]> {
    // A new volume takes its owner from the agent's image.
    await this.shell("true");
    const environment = { ...archiveEnvironment(backup), PGBACKREST_REPO1_CIPHER_PASS: this.settings.recoveryKey };
    const env = Object.entries(environment).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
    return ["-v", `${this.name}-backup:${paths.repository}`, ...env];
  }

  /** The checkout's own sources: a change is tested without building the image again. */
  #agentMounts(repository: string, mode = "rw"): string[] {
    return ["-v", `${repository}:${paths.repository}:${mode}`, ...agentSources];
  }
}

const lastEvent = <Value>(stdout: string): AgentAnswer<Value> => JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
