import type { BackupRecord, BackupType, Check, Report, Settings } from "../contract.ts";
import { BackupError } from "../errors.ts";
import { progressOf } from "../process/progress.ts";
import { failure, output } from "../process/run.ts";
import type { World } from "../world.ts";
import { archiveHistories, dropFormerSlot } from "./archiver.ts";
import { type Info, parseInfo, parseProgress, parseVerify, typeNames } from "./output.ts";

/** How a backup treats the database: at once after a forced checkpoint, or after the next one, with spare processor time. */
export type Pace = "fast" | "gentle";

/** The physical backups in the repository. Postgres archives its WAL there. */
export class Backups {
  readonly #world: World;
  readonly #retention: Settings["retention"];
  /** pgBackRest's settings: as environment the key is in no file and no argument. */
  readonly env: Readonly<Record<string, string>>;

  constructor(world: World, settings: Pick<Settings, "recoveryKey" | "retention">) {
    this.#world = world;
    this.#retention = settings.retention;
    this.env = environment(world, settings);
  }

  /** Makes the repository when there is none. */
  async prepare(): Promise<void> {
    await output(this.#world, "mkdir", ["-p", this.#world.paths.pgbackrest]);
    // Idempotent; after a major upgrade of Postgres it refuses and says what to do.
    await this.pgbackrest(["stanza-create"]);
    await archiveHistories(this.#world);
    await dropFormerSlot(this.#world);
  }

  pgbackrest(args: readonly string[]): Promise<string> {
    return output(this.#world, "pgbackrest", args, { env: this.env });
  }

  async info(): Promise<Info> {
    return parseInfo(await this.pgbackrest(["info", "--output=json"]));
  }

  /** Oldest first. Needs only the repository. */
  async list(): Promise<readonly BackupRecord[]> {
    return (await this.info()).backups;
  }

  /** Without a full backup to build on, every type is a full one. */
  async make(type: BackupType, pace: Pace, report: Report): Promise<BackupRecord> {
    const totalBytes = (await this.list()).at(-1)?.databaseBytes ?? null;
    const progress = progressOf(report, "backup", totalBytes);
    const onLine = (line: string) => {
      const percent = parseProgress(line);
      if (percent !== undefined && totalBytes !== null) progress((totalBytes * percent) / 100);
    };
    const args = ["backup", `--type=${typeNames[type]}`, "--no-expire-auto", "--log-level-console=detail"];
    const options = { env: this.env, onLine };
    const result =
      pace === "fast"
        ? await this.#world.run("pgbackrest", [...args, "--start-fast"], options)
        : await this.#world.run("nice", ["-n", "19", "pgbackrest", ...args, "--process-max=1"], options);
    if (result.exitCode !== 0) throw failure("pgbackrest backup", { ...result, lastLines: problems(result.lastLines) });
    const record = (await this.list()).at(-1);
    if (record === undefined) throw new BackupError("pgBackRest made a backup and does not list it");
    return record;
  }

  /** Checks the whole repository: no gap in the WAL, every file as it was written. */
  verify(): Promise<Check[]> {
    return Promise.all([this.#checkArchive(), this.#checkFiles()]);
  }

  /** Removes what retention does not keep. @returns labels of the removed backups */
  async expire(): Promise<string[]> {
    const before = await this.list();
    const keep = fullsToKeep(before, this.#retention, this.#world.now());
    await this.pgbackrest(["expire", "--repo1-retention-full-type=count", `--repo1-retention-full=${keep}`]);
    const after = new Set((await this.list()).map(({ label }) => label));
    return before.map(({ label }) => label).filter((label) => !after.has(label));
  }

  /** `pgbackrest verify` misses a segment that is missing at the end; check_pgbackrest does not. */
  async #checkArchive(): Promise<Check> {
    const args = ["--service=archives", "--stanza=main", "--output=human"];
    const { exitCode, stdout, lastLines } = await this.#world.run("check_pgbackrest", args, { env: this.env });
    const text = (stdout === "" ? lastLines.join("\n") : stdout).trim();
    const detail = /^Message\s*:\s*(.+)$/m.exec(text)?.[1] ?? text.split("\n").slice(0, 3).join("; ");
    return { name: "WAL without a gap", ok: exitCode === 0, detail };
  }

  /** pgBackRest's own check of every file. Its exit code says nothing (pgbackrest#2502): the text does. */
  async #checkFiles(): Promise<Check> {
    const args = ["verify", "--output=text", "--verbose"];
    const { exitCode, stdout, lastLines } = await this.#world.run("pgbackrest", args, { env: this.env });
    const { ok, detail } = parseVerify(stdout);
    const said = detail || lastLines.slice(-3).join("; ");
    return { name: "checksums of the repository", ok: ok && exitCode === 0, detail: said };
  }
}

/** pgBackRest's settings in the agent's containers. */
export function environment(
  { paths }: Pick<World, "paths">,
  { recoveryKey }: Pick<Settings, "recoveryKey">,
): Record<string, string> {
  return {
    PGBACKREST_STANZA: "main",
    PGBACKREST_REPO1_PATH: paths.pgbackrest,
    PGBACKREST_REPO1_CIPHER_TYPE: "aes-256-cbc",
    PGBACKREST_REPO1_CIPHER_PASS: recoveryKey,
    PGBACKREST_REPO1_BUNDLE: "y",
    PGBACKREST_REPO1_BLOCK: "y",
    PGBACKREST_PG1_PATH: paths.cluster,
    PGBACKREST_PG1_SOCKET_PATH: paths.socket,
    PGBACKREST_COMPRESS_TYPE: "zst",
    PGBACKREST_COMPRESS_LEVEL: "1",
    PGBACKREST_PROCESS_MAX: "2",
    PGBACKREST_LOG_LEVEL_FILE: "off",
    PGBACKREST_LOG_LEVEL_CONSOLE: "warn",
    PGBACKREST_LOCK_PATH: "/tmp/pgbackrest",
    PGBACKREST_SPOOL_PATH: "/tmp/pgbackrest-spool",
  };
}

/** How many full backups to keep: those in the window of days, the one before it, and never fewer than `fulls`. */
export function fullsToKeep(
  backups: readonly BackupRecord[],
  { days, fulls }: Settings["retention"],
  now: number,
): number {
  const windowStart = now - days * 86_400_000;
  const inWindow = backups.filter(({ type, stoppedAt }) => type === "full" && Date.parse(stoppedAt) > windowStart);
  return Math.max(inWindow.length + 1, fulls);
}

/** The lines that say what went wrong, of an output with a line for each file. */
export function problems(lines: readonly string[]): readonly string[] {
  const telling = lines.filter((line) => /ERROR|WARN|HINT/.test(line));
  return telling.length > 0 ? telling : lines;
}
