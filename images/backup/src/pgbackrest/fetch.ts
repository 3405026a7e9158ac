import type { Report } from "../contract.ts";
import { BackupError } from "../errors.ts";
import { progressOf } from "../process/progress.ts";
import { failure, type RunResult } from "../process/run.ts";
import type { World } from "../world.ts";
import { type Backups, problems } from "./backups.ts";
import { parseProgress } from "./output.ts";
import { choose, type DatedTarget, parseTimelines } from "./timelines.ts";

/** A backup whose files are in place. */
interface Fetched {
  readonly label: string;
  readonly bytes: number;
  /** The newest WAL segment in the repository: a restore to the latest state that ends earlier has met a gap. */
  readonly newestSegment: string | null;
}

/** pgBackRest's exit codes (its `build/error/error.yaml`) for a changed byte: a wrong checksum, or a frame that zstd refuses. */
const damagedCodes = [26, 29];

/**
 * Puts a backup's files into an empty folder, set up to replay WAL when Postgres starts there. Needs only the repository.
 *
 * @param only the one database that is wanted: files of the others come back empty
 * @throws BackupError when no backup ends before the target, or it is damaged
 */
export async function fetchBackup(
  world: World,
  backups: Backups,
  { target, cluster, only }: { target: DatedTarget; cluster: string; only?: string | undefined },
  report: Report,
): Promise<Fetched> {
  const info = await backups.info();
  const histories =
    info.archiveId === null
      ? "{}"
      : await backups.pgbackrest(["repo-ls", "--output=json", `archive/main/${info.archiveId}`]);
  const chosen = choose(target, info.backups, parseTimelines(histories, info.backups));
  // pgBackRest itself would take another backup and ignore the target (its FAQ says so).
  if (chosen === undefined) throw noBackup(info.backups[0]?.stoppedAt);
  const { label, databaseBytes: bytes } = chosen.backup;
  const progress = progressOf(report, "restore", bytes);
  const onLine = (line: string) => {
    const percent = parseProgress(line);
    if (percent !== undefined) progress((bytes * percent) / 100);
  };
  const place = [`--pg1-path=${cluster}`, `--set=${label}`, "--archive-mode=off", "--log-level-console=detail"];
  const filter = only === undefined ? [] : [`--db-include=${only}`];
  const args = ["restore", ...place, ...targetArguments(target, chosen.timeline), ...filter];
  const result = await world.run("pgbackrest", args, { env: backups.env, onLine });
  if (result.exitCode !== 0) throw fetchFailure(label, { ...result, lastLines: problems(result.lastLines) });
  return { label, bytes, newestSegment: info.newestSegment };
}

function noBackup(oldest: string | undefined): BackupError {
  if (oldest === undefined) return new BackupError("there is no backup yet", "make backup");
  return new BackupError(
    `no backup ended before that on its timeline; the oldest of all ended at ${oldest}`,
    "make backup-list shows what there is",
  );
}

function targetArguments(target: DatedTarget, timeline: number): string[] {
  if (target.type === "latest") return ["--type=default"];
  const value = target.type === "time" ? target.time.replace("T", " ").replace("Z", "+00") : target.name;
  return [`--type=${target.type}`, `--target=${value}`, `--target-timeline=${timeline}`, "--target-action=promote"];
}

function fetchFailure(label: string, result: Pick<RunResult, "exitCode" | "lastLines">): BackupError {
  const error = failure("pgbackrest restore", result);
  if (!damagedCodes.includes(result.exitCode)) return error;
  return new BackupError(`backup ${label} is damaged: ${error.message}`, "make backup TYPE=full");
}
