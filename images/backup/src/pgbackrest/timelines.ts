import type { BackupRecord, RestoreTarget } from "../contract.ts";
import type { PgbackrestRecord } from "./output.ts";

/** A target, with the time of a name. */
export type DatedTarget = Exclude<RestoreTarget, { type: "name" }> | (RestoreTarget & { type: "name"; at: Date });

/** A branch of the cluster's history: each restore that became the live cluster began one. */
interface Timeline {
  readonly id: number;
  readonly since: Date;
}

/**
 * The timelines whose history files `pgbackrest repo-ls --output=json` lists; the first has none. One whose history is
 * missing is known from its first backup.
 */
export function parseTimelines(json: string, backups: readonly PgbackrestRecord[] = []): Timeline[] {
  const files = JSON.parse(json) as Record<string, { time?: number }>;
  const since = new Map([[1, new Date(0)]]);
  for (const [name, { time = 0 }] of Object.entries(files)) {
    const id = /^([0-9A-F]{8})\.history/.exec(name)?.[1];
    if (id !== undefined) since.set(Number.parseInt(id, 16), new Date(time * 1000));
  }
  for (const { timeline, startedAt } of backups) if (!since.has(timeline)) since.set(timeline, new Date(startedAt));
  return [...since].map(([id, date]) => ({ id, since: date })).sort((a, b) => a.id - b.id);
}

/**
 * The backup to restore, and the timeline that the target is on.
 *
 * A time is on the timeline that was live then. A backup of an older timeline is of use only if it ended before the newer one
 * branched off.
 */
export function choose(
  target: DatedTarget,
  backups: readonly PgbackrestRecord[],
  timelines: readonly Timeline[],
): { backup: PgbackrestRecord; timeline: number } | undefined {
  const at = timeOf(target);
  const timeline = timelines.findLast(({ since }) => at === undefined || since <= at) ?? timelines[0];
  if (timeline === undefined) return undefined;
  const usable = backups.filter(
    (backup) =>
      backup.timeline === timeline.id ||
      (backup.timeline < timeline.id && Date.parse(backup.stoppedAt) < timeline.since.getTime()),
  );
  const backup = backupFor(target, usable);
  return backup === undefined ? undefined : { backup, timeline: timeline.id };
}

/** The newest backup that ended before the target. */
export function backupFor<Backup extends BackupRecord>(
  target: DatedTarget,
  backups: readonly Backup[],
): Backup | undefined {
  const at = timeOf(target);
  return backups.findLast((backup) => at === undefined || Date.parse(backup.stoppedAt) < at.getTime());
}

function timeOf(target: DatedTarget): Date | undefined {
  if (target.type === "latest") return undefined;
  return target.type === "time" ? new Date(target.time) : target.at;
}
