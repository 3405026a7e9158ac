import type { ArchiverState, BackupRecord, BackupStatus, Check, DrillResult, Settings } from "./contract.ts";
import type { OffsiteState } from "./offsite/pushes.ts";
import { nextRun, overdueSeconds } from "./schedule.ts";

/** When a job last ran, ISO 8601, and what went wrong. */
interface Done {
  readonly at: string;
  readonly problem: string | null;
}

/** What the agent remembers over restarts. */
export interface Remembered {
  readonly verify?: Done & { readonly checks: readonly Check[] };
  readonly extras?: Done;
  readonly backup?: Done;
  /** When the agent first served, ISO 8601. */
  readonly since: string;
}

/** What is seen at this moment. */
export interface Observed {
  readonly backups: readonly BackupRecord[];
  /** Postgres' own view of its archiver; null while Postgres does not answer. */
  readonly archiver: ArchiverState | null;
  readonly postgresProblem: string | null;
  readonly repositoryProblem: string | null;
  readonly lossSeconds: number | null;
  readonly drill: DrillResult | undefined;
  /** Undefined where no other host is configured. */
  readonly offsite: OffsiteState | undefined;
  readonly running: string | null;
}

/** How long a new stack may lack its first backup and drill, in seconds. */
const graceSeconds = 600;
/** The archive counts as stuck when this many WAL segments wait for it. */
const queueLimit = 8;

/** The status of what is remembered and seen. */
export function statusOf(
  { schedule }: Pick<Settings, "schedule">,
  remembered: Remembered,
  observed: Observed,
  now: Date,
): BackupStatus {
  const { archiver, lossSeconds, running, offsite, drill = null } = observed;
  const { verify } = remembered;
  const last = observed.backups.at(-1);
  const drillAge = (now.getTime() - Date.parse(drill?.at ?? remembered.since)) / 1000;
  const base = {
    serving: true as const,
    running,
    lastBackup: last === undefined ? null : summary(last),
    nextBackupAt: nextRun(schedule.incremental, now),
    archive: {
      ok: archiver !== null && archiver.failing === null && archiver.queue < queueLimit,
      ...(archiver ?? { lastArchivedAt: null, failing: null, queue: 0 }),
    },
    lossSeconds,
    pointInTime: restorable(observed, now),
    verify: verify === undefined ? null : { at: verify.at, ok: verify.problem === null, problem: verify.problem },
    drill,
    drillOverdue: drillAge > overdueSeconds(schedule.drill, now),
    offsite: offsite === undefined ? { configured: false as const } : { configured: true as const, ...offsite },
  };
  return { ...base, problems: problemsOf(base, remembered, observed, now) };
}

/** From the first backup to the newest write that is safe; null while either is unknown. */
function restorable({ backups, lossSeconds }: Observed, now: Date): BackupStatus["pointInTime"] {
  const from = backups[0]?.stoppedAt;
  if (from === undefined || lossSeconds === null) return null;
  return { from, to: new Date(now.getTime() - lossSeconds * 1000).toISOString() };
}

function summary({ label, type, bytes, startedAt, stoppedAt }: BackupRecord) {
  return { label, type, bytes, at: stoppedAt, seconds: (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000 };
}

function problemsOf(
  { archive, lastBackup, verify, drill, drillOverdue, offsite }: Omit<BackupStatus, "problems">,
  { since, backup, extras }: Remembered,
  { postgresProblem, repositoryProblem, backups }: Observed,
  now: Date,
): string[] {
  const isNew = (now.getTime() - Date.parse(since)) / 1000 < graceSeconds;
  const found: (string | false | null | undefined)[] = [
    postgresProblem && `Postgres does not answer: ${postgresProblem}`,
    repositoryProblem && `the repository is not ready: ${repositoryProblem}`,
    archive.failing && `Postgres cannot archive its WAL: ${archive.failing}`,
    archive.queue >= queueLimit && `${archive.queue} WAL segments wait for the archive`,
    lastBackup === null && !isNew && "there is no backup yet",
    backups.some(({ error }) => error) && "a backup found pages with wrong checksums",
    backup?.problem && `the last backup failed: ${backup.problem}`,
    verify !== null && !verify.ok && `the repository is damaged: ${verify.problem}`,
    drill !== null && !drill.ok && `the last drill failed: ${drillProblem(drill)}`,
    drillOverdue && `there was no drill since ${drill?.at ?? since}`,
    extras?.problem && `dumps or Letta's files were not backed up: ${extras.problem}`,
    offsite.configured && offsite.problem !== null && `the off-site copy is behind: ${offsite.problem}`,
  ];
  return found.filter((problem) => typeof problem === "string" && problem !== "") as string[];
}

/** Why a drill failed, in one line. */
function drillProblem({ problem, checks }: DrillResult): string {
  const failed = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
  return problem ?? failed.join("; ");
}
