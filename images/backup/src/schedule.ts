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

/** Runs jobs that nobody waits for, and leaves those that failed alone for a while. */
export class Attempts {
  readonly #now: () => number;
  readonly #failedAt = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  mayTry(name: string): boolean {
    return this.#now() - (this.#failedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= retryAfter;
  }

  /** Never throws: the status shows a failure, and the log has it too. */
  async run(name: string, job: () => Promise<unknown>): Promise<void> {
    try {
      await job();
      this.#failedAt.delete(name);
    } catch (error) {
      console.error(`${name}: ${(error as Error).message}`);
      this.#failedAt.set(name, this.#now());
    }
  }
}
