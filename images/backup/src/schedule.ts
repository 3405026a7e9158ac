import { Cron } from "croner";
import type { BackupRecord, BackupType, Settings } from "./contract.ts";

/** Time after a failure before the next attempt, in milliseconds. */
const retryAfter = 600_000;

/** A job is due when a time of its schedule has passed since it last ran, so a machine that was asleep catches up. */
export function isDue(schedule: string, lastDone: Date | undefined, now: Date): boolean {
  if (lastDone === undefined) return true;
  const next = cron(schedule).nextRun(lastDone);
  return next !== null && next <= now;
}

/** The type of backup that is due; undefined when none is. */
export function dueBackup(
  { full, differential, incremental }: Settings["schedule"],
  backups: readonly BackupRecord[],
  now: Date,
): BackupType | undefined {
  const isDueSince = (schedule: string, ...types: BackupType[]) => {
    const last = backups.findLast(({ type }) => types.includes(type));
    return isDue(schedule, last && new Date(last.stoppedAt), now);
  };
  if (isDueSince(full, "full")) return "full";
  if (isDueSince(differential, "full", "differential")) return "differential";
  return isDueSince(incremental, "full", "differential", "incremental") ? "incremental" : undefined;
}

/** The next time of a schedule, ISO 8601. */
export function nextRun(schedule: string, now: Date): string | null {
  return cron(schedule).nextRun(now)?.toISOString() ?? null;
}

/** Twice the distance of a schedule's next two times, in seconds: what is older was missed. */
export function overdueSeconds(schedule: string, now: Date): number {
  const [first, second] = cron(schedule).nextRuns(2, now);
  if (first === undefined || second === undefined) return Number.POSITIVE_INFINITY;
  return ((second.getTime() - first.getTime()) / 1000) * 2;
}

function cron(schedule: string): Cron {
  return new Cron(schedule, { timezone: "UTC", paused: true });
}

/** Keeps jobs that failed from being tried again at once. */
export class Attempts {
  readonly #failedAt = new Map<string, number>();

  failed(name: string, now: number): void {
    this.#failedAt.set(name, now);
  }

  succeeded(name: string): void {
    this.#failedAt.delete(name);
  }

  mayTry(name: string, now: number): boolean {
    return now - (this.#failedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= retryAfter;
  }
}
