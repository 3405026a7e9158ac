import { Cron } from "croner";

/** Time after a failure before the same is tried again, in milliseconds. */
const retryAfter = 600_000;

/**
 * Is something due that was last done then? A machine that slept at the time catches up: what counts is whether a time of
 * the schedule has passed since.
 */
export function isDue(schedule: string, lastDone: Date | undefined, now = new Date()): boolean {
  if (lastDone === undefined) return true;
  const next = new Cron(schedule, { timezone: "UTC", paused: true }).nextRun(lastDone);
  return next !== null && next <= now;
}

/** The next time of a schedule, ISO 8601. */
export function nextRun(schedule: string, now = new Date()): string | null {
  return new Cron(schedule, { timezone: "UTC", paused: true }).nextRun(now)?.toISOString() ?? null;
}

/** Twice the distance of a schedule's next two times, in seconds: what is older has been missed. */
export function overdueSeconds(schedule: string, now = new Date()): number {
  const [first, second] = new Cron(schedule, { timezone: "UTC", paused: true }).nextRuns(2, now);
  return first === undefined || second === undefined
    ? Number.POSITIVE_INFINITY
    : (second.getTime() - first.getTime()) / 500;
}

/** Remembers what failed when, so that it is not tried again at once. */
export class Attempts {
  readonly #failedAt = new Map<string, number>();

  failed(name: string, now = Date.now()): void {
    this.#failedAt.set(name, now);
  }

  succeeded(name: string): void {
    this.#failedAt.delete(name);
  }

  mayTry(name: string, now = Date.now()): boolean {
    return now - (this.#failedAt.get(name) ?? Number.NEGATIVE_INFINITY) >= retryAfter;
  }
}
