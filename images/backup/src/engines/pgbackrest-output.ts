import { z } from "zod";
import { BackupError } from "../errors.ts";
import { type BackupRecord, type BackupType, backupFor, type RestoreTarget } from "./engine.ts";

/** What of `pgbackrest info --output=json` is used. */
const infoSchema = z.array(
  z.object({
    archive: z.array(z.object({ id: z.string(), max: z.string().nullable() })).optional(),
    backup: z.array(
      z.object({
        label: z.string(),
        type: z.enum(["full", "diff", "incr"]),
        error: z.boolean().nullish(),
        archive: z.object({ stop: z.string().nullable() }),
        timestamp: z.object({ start: z.number(), stop: z.number() }),
        info: z.object({
          size: z.number(),
          delta: z.number(),
          repository: z.object({ delta: z.number().optional(), size: z.number().optional() }),
        }),
      }),
    ),
    status: z.object({ code: z.number(), message: z.string() }),
  }),
);

/** A backup, and the timeline of the WAL that it ends in. */
export type PgbackrestRecord = BackupRecord & { readonly timeline: number };

/** What the repository has. */
export interface Info {
  /** Oldest first. */
  readonly backups: PgbackrestRecord[];
  readonly newestSegment: string | null;
  /** Folder of the WAL of this cluster, e.g. `17-1`. */
  readonly archiveId: string | null;
}

/** A branch of the cluster's history: each restore that became the live cluster began one. */
export interface Timeline {
  readonly id: number;
  readonly since: Date;
}

const types: Readonly<Record<"full" | "diff" | "incr", BackupType>> = {
  full: "full",
  diff: "differential",
  incr: "incremental",
};
/** pgBackRest's status: no backups yet, which is no error here. */
const noBackups = 2;

/** @throws BackupError when the repository cannot be read with this key */
export function parseInfo(json: string): Info {
  const [stanza] = infoSchema.parse(readable(json));
  if (stanza === undefined) return { backups: [], newestSegment: null, archiveId: null };
  if (stanza.status.code !== 0 && stanza.status.code !== noBackups) {
    throw unreadable(stanza.status.message);
  }
  const backups = stanza.backup.map(({ label, type, error, timestamp, info, archive }) => ({
    label,
    type: types[type],
    startedAt: new Date(timestamp.start * 1000).toISOString(),
    stoppedAt: new Date(timestamp.stop * 1000).toISOString(),
    bytes: info.delta,
    repositoryBytes: info.repository.delta ?? 0,
    databaseBytes: info.size,
    error: error ?? false,
    timeline: Number.parseInt(archive.stop?.slice(0, 8) ?? "1", 16),
  }));
  const archive = stanza.archive?.at(-1);
  return { backups, newestSegment: archive?.max ?? null, archiveId: archive?.id ?? null };
}

/**
 * The timelines that `pgbackrest repo-ls --output=json` shows the history files of; the first has none. One whose history
 * is missing is known from its first backup.
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
 * The backup of a restore, and the timeline on which its target is.
 *
 * A time is on the timeline that was the live one then. What was backed up on an older timeline after another one branched
 * off is of no use to that one; times are all that is known of that here, so it counts only up to the branch's beginning.
 */
export function choose(
  target: RestoreTarget,
  backups: readonly PgbackrestRecord[],
  timelines: readonly Timeline[],
): { backup: PgbackrestRecord; timeline: number } | undefined {
  const at = target.type === "latest" ? undefined : target.type === "time" ? target.time : target.at;
  const timeline = timelines.findLast(({ since }) => at === undefined || since <= at) ?? timelines[0];
  if (timeline === undefined) return undefined;
  const usable = backups.filter(
    (backup) =>
      backup.timeline === timeline.id ||
      (backup.timeline < timeline.id && Date.parse(backup.stoppedAt) < timeline.since.getTime()),
  );
  const backup = backupFor(target, usable) as PgbackrestRecord | undefined;
  return backup === undefined ? undefined : { backup, timeline: timeline.id };
}

/** What pgBackRest decrypted with another key is in its message as it is, and then this is no JSON. */
function readable(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw unreadable("data that is no text");
  }
}

function unreadable(said: string): BackupError {
  return new BackupError(
    `the repository cannot be read: it is damaged, or the recovery key is another (pgBackRest says "${said}")`,
    "check the recovery key: make backup-key",
  );
}

/** How far a backup or restore is, from a detail line such as `backup file … (bundle 2/21, 1.5MB, 99.37%)`; per cent. */
export function parseProgress(line: string): number | undefined {
  const found = /(?:backup|restore) file .*\(.*?([0-9.]+)%\)/.exec(line);
  return found === null ? undefined : Number(found[1]);
}

/**
 * What `pgbackrest verify --output=text --verbose` found.
 *
 * A backup in progress is no error; any other status than valid, and any file that is missing or invalid, is.
 */
export function parseVerify(text: string): { ok: boolean; detail: string } {
  const lines = text.split("\n").map((line) => line.trim());
  const isSound = lines.some((line) => line === "status: ok");
  const badBackups = lines.filter((line) => /^backup: /.test(line) && !/status: (valid|in-progress)\b/.test(line));
  const badCounts = lines.filter((line) => /(?:missing|checksum invalid|size invalid|other): [1-9]/.test(line));
  const archives = lines.filter((line) => line.startsWith("archiveId: "));
  const backups = lines.filter((line) => line.startsWith("backup: "));
  const bad = [...badBackups, ...badCounts];
  if (isSound && bad.length === 0) return { ok: true, detail: `${backups.length} backups, ${archives.join("; ")}` };
  return { ok: false, detail: bad.length > 0 ? bad.join("; ") : lines.filter((line) => line !== "").join("; ") };
}
