import { BackupError } from "../errors.ts";
import { progressOf, type Report } from "../events.ts";
import { paths } from "../paths.ts";
import { withPostgres } from "../postgres.ts";
import { archiveHistories, writeRecovery } from "../recovery.ts";
import { failure, output, type RunResult, run } from "../run.ts";
import type { Settings } from "../settings.ts";
import type { BackupRecord, BackupType, Engine, Fetched, Pace, RestoreTarget } from "./engine.ts";
import { choose, type Info, parseInfo, parseProgress, parseTimelines, parseVerify } from "./pgbackrest-output.ts";

const typeNames = { full: "full", differential: "diff", incremental: "incr" } as const;

// The names of timeline histories and backup labels are archived too; neither sorts after a segment.
const isArchived = `pg_walfile_name(lsn) collate "C" <= (select left(last_archived_wal, 24) from pg_stat_archiver) collate "C"`;

/** pgBackRest: Postgres pushes its WAL with it, the agent does the rest. */
export function pgbackrestEngine(settings: Settings): Engine {
  const env = environment(settings);
  const pgbackrest = (args: readonly string[]) => output("pgbackrest", args, { env });
  const info = async () => parseInfo(await pgbackrest(["info", "--output=json"]));
  const list = async () => (await info()).backups;

  return {
    isRecoverable: isArchived,
    async start() {
      await output("mkdir", ["-p", paths.pgbackrest]);
      // Idempotent; after a major upgrade of Postgres it refuses, and says what to do.
      await pgbackrest(["stanza-create"]);
      await archiveHistories();
      await dropFormerSlot();
    },
    async backup(type, pace, report) {
      await runBackup(type, pace, { env, totalBytes: (await list()).at(-1)?.databaseBytes ?? null }, report);
      const record = (await list()).at(-1);
      if (record === undefined) throw new BackupError("pgBackRest made a backup and does not list it");
      return record;
    },
    list,
    async verify() {
      const [archive, files] = await Promise.all([checkArchive(env), verifyFiles(env)]);
      return [archive, files];
    },
    async expire() {
      const before = await list();
      const keep = fullsToKeep(before, settings.retention);
      await pgbackrest(["expire", "--repo1-retention-full-type=count", `--repo1-retention-full=${keep}`]);
      const after = new Set((await list()).map(({ label }) => label));
      return before.map(({ label }) => label).filter((label) => !after.has(label));
    },
    fetch: (target, cluster, options, report) => fetch(target, cluster, { ...options, env, info }, report),
    async prepareRejoin(cluster) {
      await writeRecovery(cluster, {
        restore_command: `pgbackrest --pg1-path=${cluster} archive-get %f %p`,
        recovery_target_timeline: "current",
      });
      return env;
    },
  };
}

/** pgBackRest's settings as environment, so that the key is in no file and no argument. */
export function environment({ recoveryKey }: Pick<Settings, "recoveryKey">): Record<string, string> {
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

/**
 * How many full backups to keep: all that the window of days needs, which is also the newest one before it, and never
 * fewer than `fulls`.
 */
export function fullsToKeep(
  backups: readonly BackupRecord[],
  { days, fulls }: Settings["retention"],
  now = Date.now(),
): number {
  const windowStart = now - days * 86_400_000;
  const inWindow = backups.filter(({ type, stoppedAt }) => type === "full" && Date.parse(stoppedAt) > windowStart);
  return Math.max(inWindow.length + 1, fulls);
}

async function runBackup(
  type: BackupType,
  pace: Pace,
  { env, totalBytes }: { env: Record<string, string>; totalBytes: number | null },
  report: Report,
): Promise<void> {
  const progress = progressOf(report, "backup", totalBytes);
  const onLine = (line: string) => {
    const percent = parseProgress(line);
    if (percent !== undefined && totalBytes !== null) progress((totalBytes * percent) / 100);
  };
  const paceArgs = pace === "fast" ? ["--start-fast"] : ["--no-start-fast", "--process-max=1"];
  const args = ["backup", `--type=${typeNames[type]}`, "--no-expire-auto", "--log-level-console=detail", ...paceArgs];
  const command = pace === "fast" ? ["pgbackrest", ...args] : ["nice", "-n", "19", "pgbackrest", ...args];
  const result = await run(command[0] ?? "", command.slice(1), { env, onLine });
  if (result.exitCode !== 0) throw failure("pgbackrest backup", { ...result, lastLines: problems(result.lastLines) });
}

async function fetch(
  target: RestoreTarget,
  cluster: string,
  { only, env, info }: { only?: string | undefined; env: Record<string, string>; info: () => Promise<Info> },
  report: Report,
): Promise<Fetched> {
  const { backups, newestSegment, archiveId } = await info();
  const listing =
    archiveId === null
      ? "{}"
      : await output("pgbackrest", ["repo-ls", "--output=json", `archive/main/${archiveId}`], { env });
  const { backup, timeline } = choose(target, backups, parseTimelines(listing, backups)) ?? refuse(backups);
  const progress = progressOf(report, "restore", backup.databaseBytes);
  const args = [
    ...[
      "restore",
      `--pg1-path=${cluster}`,
      `--set=${backup.label}`,
      "--archive-mode=off",
      "--log-level-console=detail",
    ],
    ...targetArguments(target, timeline),
    // Other databases become empty files of the right size.
    ...(only === undefined ? [] : [`--db-include=${only}`]),
  ];
  const onLine = (line: string) => {
    const percent = parseProgress(line);
    if (percent !== undefined) progress((backup.databaseBytes * percent) / 100);
  };
  const result = await run("pgbackrest", args, { env, onLine });
  if (result.exitCode !== 0) throw restoreFailure(backup, { ...result, lastLines: problems(result.lastLines) });
  return { label: backup.label, bytes: backup.databaseBytes, env, newestSegment };
}

/**
 * pgBackRest's exit codes (its `build/error/error.yaml`) for a file that is not what was written: a byte that is another
 * breaks the checksum, or the frame that zstd reads, whichever it meets first.
 */
const damaged = { checksum: 26, format: 29 };

function restoreFailure({ label }: BackupRecord, result: Pick<RunResult, "exitCode" | "lastLines">): BackupError {
  const error = failure("pgbackrest restore", result);
  if (!Object.values(damaged).includes(result.exitCode)) return error;
  return new BackupError(`backup ${label} is damaged: ${error.message}`, "make backup TYPE=full");
}

/** Versions before kept a replication slot, which nobody reads any more: it would keep WAL on Postgres' disk. */
async function dropFormerSlot(): Promise<void> {
  await withPostgres((client) =>
    client.query(
      "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'walsink' and not active",
    ),
  );
}

/** @throws BackupError always: no backup ends before the target */
function refuse(backups: readonly BackupRecord[]): never {
  // pgBackRest itself would take another backup and ignore the target (its FAQ says so).
  const oldest = backups[0];
  if (oldest === undefined) throw new BackupError("there is no backup yet", "make backup");
  throw new BackupError(
    `no backup ended before that on its timeline; the oldest of all ended at ${oldest.stoppedAt}`,
    "make backup-list shows what there is",
  );
}

function targetArguments(target: RestoreTarget, timeline: number): string[] {
  if (target.type === "latest") return ["--type=default"];
  const value = target.type === "time" ? target.time.toISOString().replace("T", " ").replace("Z", "+00") : target.name;
  return [`--type=${target.type}`, `--target=${value}`, `--target-timeline=${timeline}`, "--target-action=promote"];
}

/** The lines that tell what went wrong, of an output with a line for each file. */
function problems(lines: readonly string[]): string[] {
  const telling = lines.filter((line) => /ERROR|WARN|HINT/.test(line));
  return telling.length > 0 ? telling : [...lines];
}

/** Is each WAL segment since the oldest backup there? `pgbackrest verify` does not notice one missing at the end. */
async function checkArchive(env: Record<string, string>) {
  const args = ["--service=archives", "--stanza=main", "--output=human"];
  const { exitCode, stdout, lastLines } = await run("check_pgbackrest", args, { env });
  const text = (stdout === "" ? lastLines.join("\n") : stdout).trim();
  const detail = /^Message\s*:\s*(.+)$/m.exec(text)?.[1] ?? text.split("\n").slice(0, 3).join("; ");
  return { name: "WAL without a gap", ok: exitCode === 0, detail };
}

/** pgBackRest's own look at every file. Its exit code says nothing (pgbackrest#2502): the text does. */
async function verifyFiles(env: Record<string, string>) {
  const { exitCode, stdout, lastLines } = await run("pgbackrest", ["verify", "--output=text", "--verbose"], { env });
  const { ok, detail } = parseVerify(stdout);
  return {
    name: "checksums of the repository",
    ok: ok && exitCode === 0,
    detail: detail || lastLines.slice(-3).join("; "),
  };
}
