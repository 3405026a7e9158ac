import { z } from "zod";
import type { BackupRecord, BackupType } from "../contract.ts";
import { BackupError } from "../errors.ts";

/** What is used of `pgbackrest info --output=json`. */
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
          repository: z.object({ delta: z.number().optional() }),
        }),
      }),
    ),
    status: z.object({ code: z.number(), message: z.string() }),
  }),
);

/** pgBackRest's name for each type of backup. */
export const typeNames = { full: "full", differential: "diff", incremental: "incr" } as const;
const types = Object.fromEntries(Object.entries(typeNames).map(([type, name]) => [name, type as BackupType]));

/** A backup, and the timeline of the WAL that it ends in. */
export type PgbackrestRecord = BackupRecord & { readonly timeline: number };

/** What the repository holds. */
export interface Info {
  /** Oldest first. */
  readonly backups: PgbackrestRecord[];
  readonly newestSegment: string | null;
  /** Folder of this cluster's WAL, e.g. `17-1`. */
  readonly archiveId: string | null;
}

/** pgBackRest's status of a repository without backups, which is not an error here. */
const noBackups = 2;

/** @throws BackupError when the repository cannot be read with this key */
export function parseInfo(json: string): Info {
  const [stanza] = infoSchema.parse(readable(json));
  if (stanza === undefined) return { backups: [], newestSegment: null, archiveId: null };
  if (stanza.status.code !== 0 && stanza.status.code !== noBackups) throw unreadable(stanza.status.message);
  const backups = stanza.backup.map(({ label, type, error, timestamp, info, archive }) => ({
    label,
    type: types[type] as BackupType,
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

/** What pgBackRest decrypts with another key ends up in its message unchanged, which then is not JSON. */
function readable(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw unreadable("data that is not text");
  }
}

function unreadable(said: string): BackupError {
  return new BackupError(
    `the repository cannot be read: it is damaged, or the recovery key is another (pgBackRest says "${said}")`,
    "check the recovery key: make backup-key",
  );
}

/** Per cent done, from a detail line such as `backup file … (bundle 2/21, 1.5MB, 99.37%)`. */
export function parseProgress(line: string): number | undefined {
  const found = /(?:backup|restore) file .*\(.*?([0-9.]+)%\)/.exec(line);
  return found === null ? undefined : Number(found[1]);
}

/** What `pgbackrest verify --output=text --verbose` found. A backup in progress is not an error; every other flaw is. */
export function parseVerify(text: string): { ok: boolean; detail: string } {
  const lines = text.split("\n").map((line) => line.trim());
  const isSound = lines.includes("status: ok");
  const badBackups = lines.filter((line) => /^backup: /.test(line) && !/status: (valid|in-progress)\b/.test(line));
  const badCounts = lines.filter((line) => /(?:missing|checksum invalid|size invalid|other): [1-9]/.test(line));
  const archives = lines.filter((line) => line.startsWith("archiveId: "));
  const backups = lines.filter((line) => line.startsWith("backup: "));
  const bad = [...badBackups, ...badCounts];
  if (isSound && bad.length === 0) return { ok: true, detail: `${backups.length} backups, ${archives.join("; ")}` };
  return { ok: false, detail: bad.length > 0 ? bad.join("; ") : lines.filter((line) => line !== "").join("; ") };
}
