import type { DrillResult } from "./drill.ts";
import { nextRun, overdueSeconds } from "./due.ts";
import type { BackupRecord, Check } from "./engines/engine.ts";
import type { Settings } from "./settings.ts";

/** When something was last done, and what went wrong then. */
export interface Done {
  readonly at: string;
  readonly problem: string | null;
}

/** What the agent remembers over restarts. */
export interface Remembered {
  readonly verify?: Done & { readonly checks: readonly Check[] };
  readonly extras?: Done;
  readonly offsite?: Done & { readonly lastGoodAt: string | null };
  readonly backup?: Done;
  /** When the agent served for the first time, ISO 8601. */
  readonly since: string;
}

/** How the archive of the WAL is. */
export interface ArchiverState {
  readonly lastArchivedAt: string | null;
  /** What cannot be archived and why; null when all is well. */
  readonly failing: string | null;
  /** Segments that wait. */
  readonly queue: number;
}

/** What is seen at this moment. */
export interface Observed {
  readonly backups: readonly BackupRecord[];
  /** Postgres' own view of its archiver; null while Postgres does not answer. */
  readonly archiver: ArchiverState | null;
  readonly postgresProblem: string | null;
  readonly lossSeconds: number | null;
  readonly drill: DrillResult | undefined;
  readonly engineProblem: string | null;
  readonly running: string | null;
}

/** Everything there is to know of the backup, as `backup status` prints it. */
export interface BackupStatus {
  readonly serving: true;
  readonly running: string | null;
  readonly lastBackup: (Pick<BackupRecord, "label" | "type" | "bytes"> & { at: string; seconds: number }) | null;
  readonly nextBackupAt: string | null;
  readonly archive: { ok: boolean; lastArchivedAt: string | null; failing: string | null; queue: number };
  readonly lossSeconds: number | null;
  readonly verify: { at: string; ok: boolean; problem: string | null } | null;
  readonly drill: DrillResult | null;
  readonly drillOverdue: boolean;
  readonly offsite: { configured: false } | { configured: true; lastPushAt: string | null; problem: string | null };
  /** What is wrong; empty is green. */
  readonly problems: readonly string[];
}

/** A new stack has this long for its first backup and rehearsal before their absence is a problem, in seconds. */
const graceSeconds = 600;
/** WAL segments that wait for the archive before it counts as stuck. */
const queueLimit = 8;

/** Puts together what is remembered and what is seen. */
export function statusOf(
  settings: Settings,
  remembered: Remembered,
  observed: Observed,
  now = new Date(),
): BackupStatus {
  const last = observed.backups.at(-1);
  const { verify, offsite } = remembered;
  const drill = observed.drill ?? null;
  const drillOverdue = isOverdue(settings, drill, remembered, now);
  const archive = {
    ok: isArchiving(observed),
    ...(observed.archiver ?? { lastArchivedAt: null, failing: null, queue: 0 }),
  };
  const base = {
    serving: true as const,
    running: observed.running,
    lastBackup: last === undefined ? null : summary(last),
    nextBackupAt: nextRun(settings.schedule.incremental, now),
    archive,
    lossSeconds: observed.lossSeconds,
    verify: verify === undefined ? null : { at: verify.at, ok: verify.problem === null, problem: verify.problem },
    drill,
    drillOverdue,
    offsite:
      settings.offsite === undefined
        ? { configured: false as const }
        : { configured: true as const, lastPushAt: offsite?.lastGoodAt ?? null, problem: offsite?.problem ?? null },
  };
  return { ...base, problems: problemsOf(base, remembered, observed, now) };
}

function summary({ label, type, bytes, startedAt, stoppedAt }: BackupRecord) {
  return { label, type, bytes, at: stoppedAt, seconds: (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000 };
}

function isArchiving({ archiver }: Observed): boolean {
  return archiver !== null && archiver.failing === null && archiver.queue < queueLimit;
}

function isOverdue({ schedule }: Settings, drill: DrillResult | null, { since }: Remembered, now: Date): boolean {
  const last = Date.parse(drill?.at ?? since);
  return (now.getTime() - last) / 1000 > overdueSeconds(schedule.drill, now);
}

function problemsOf(
  status: Omit<BackupStatus, "problems">,
  remembered: Remembered,
  observed: Observed,
  now: Date,
): string[] {
  const isNew = (now.getTime() - Date.parse(remembered.since)) / 1000 < graceSeconds;
  const { verify, drill, offsite } = status;
  const found: (string | false | null | undefined)[] = [
    observed.postgresProblem && `Postgres does not answer: ${observed.postgresProblem}`,
    observed.engineProblem && `the repository is not ready: ${observed.engineProblem}`,
    status.archive.failing && `Postgres cannot archive its WAL: ${status.archive.failing}`,
    status.archive.queue >= queueLimit && `${status.archive.queue} WAL segments wait for the archive`,
    status.lastBackup === null && !isNew && "there is no backup yet",
    observed.backups.some(({ error }) => error) && "a backup found pages with wrong checksums",
    remembered.backup?.problem && `the last backup failed: ${remembered.backup.problem}`,
    verify !== null && !verify.ok && `the repository is damaged: ${verify.problem}`,
    drill !== null && !drill.ok && `the last rehearsal failed: ${drillProblem(drill)}`,
    status.drillOverdue && `no restore was rehearsed since ${drill?.at ?? remembered.since}`,
    remembered.extras?.problem && `dumps or Letta's files were not backed up: ${remembered.extras.problem}`,
    offsite.configured && offsite.problem !== null && `the copy off this host is behind: ${offsite.problem}`,
  ];
  return found.filter((problem) => typeof problem === "string" && problem !== "") as string[];
}

/** Why a rehearsal failed, in one line. */
export function drillProblem(drill: DrillResult): string {
  const failed = drill.checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  return drill.problem ?? failed.join("; ");
}
