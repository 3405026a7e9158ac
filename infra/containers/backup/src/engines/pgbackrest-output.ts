import { z } from "zod";
import { BackupError } from "../errors.ts";
import type { BackupRecord, BackupType } from "./engine.ts";

/** What of `pgbackrest info --output=json` is used. */
const infoSchema = z.array(
  z.object({
    archive: z.array(z.object({ max: z.string().nullable() })).optional(),
    backup: z.array(
      z.object({
        label: z.string(),
        type: z.enum(["full", "diff", "incr"]),
        error: z.boolean().nullish(),
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

/** What the repository has. */
export interface Info {
  /** Oldest first. */
  readonly backups: BackupRecord[];
  readonly newestSegment: string | null;
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
  if (stanza === undefined) return { backups: [], newestSegment: null };
  if (stanza.status.code !== 0 && stanza.status.code !== noBackups) {
    throw unreadable(stanza.status.message);
  }
  const backups = stanza.backup.map(({ label, type, error, timestamp, info }) => ({
    label,
    type: types[type],
    startedAt: new Date(timestamp.start * 1000).toISOString(),
    stoppedAt: new Date(timestamp.stop * 1000).toISOString(),
    bytes: info.delta,
    repositoryBytes: info.repository.delta ?? 0,
    databaseBytes: info.size,
    error: error ?? false,
  }));
  return { backups, newestSegment: stanza.archive?.at(-1)?.max ?? null };
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
