import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BackupError } from "../errors.ts";
import { failure, run } from "../run.ts";
import type { EncryptedStore } from "../store.ts";
import { backupTypes } from "./engine.ts";

/** One backup as its file `base/<label>.json` has it, which is written last: without it there is no backup. */
export const recordSchema = z.object({
  label: z.string(),
  type: z.enum(backupTypes),
  /** The backup of which this one has the changes; null for a full one. */
  parent: z.string().nullable(),
  systemId: z.string(),
  timeline: z.int(),
  startLsn: z.string(),
  stopLsn: z.string(),
  /** The first segment that a restore reads, and the last one that it cannot do without. */
  startSegment: z.string(),
  stopSegment: z.string(),
  segmentBytes: z.int(),
  startedAt: z.string(),
  stoppedAt: z.string(),
  bytes: z.number(),
  repositoryBytes: z.number(),
  databaseBytes: z.number(),
  error: z.boolean(),
});

export type CoreRecord = Readonly<z.output<typeof recordSchema>>;

const letters = { full: "F", differential: "D", incremental: "I" } as const;

/** Names in the store of what belongs to a backup; the last one makes it one. */
export function namesOf(label: string) {
  return { tar: `base/${label}.tar.zst`, manifest: `base/${label}.manifest`, record: `base/${label}.json` };
}

/** A label that sorts after all others: `20261124-013000F`, and with the full backup before it for what stands on one. */
export function newLabel(
  type: CoreRecord["type"],
  full: string | undefined,
  at: Date,
  known: readonly string[],
): string {
  const stamp = at
    .toISOString()
    .replace(/[-:]|\.\d+Z/g, "")
    .replace("T", "-");
  const label = `${full === undefined ? "" : `${full}_`}${stamp}${letters[type]}`;
  return known.includes(label) ? newLabel(type, full, new Date(at.getTime() + 1000), known) : label;
}

/**
 * All backups, oldest first.
 *
 * @throws BackupError when none can be read, as with another key. One among others that cannot is left out; verification
 *   names it
 */
export async function readRecords(store: EncryptedStore): Promise<CoreRecord[]> {
  const files = await readdir(join(store.folder, "base")).catch(() => []);
  if (!files.some((name) => name.endsWith(".json.bin"))) return [];
  // One process for all of them; each is one line.
  const result = await run("rclone", ["cat", "store:base", "--include", "*.json"], { env: await store.environment() });
  const records = result.stdout.split("\n").flatMap(parseRecord);
  if (records.length === 0) throw keyError(failure("rclone", result));
  return records.sort((a, b) => Date.parse(a.stoppedAt) - Date.parse(b.stoppedAt));
}

/** What is said when nothing in the repository can be read. */
export function keyError(cause: BackupError): BackupError {
  return new BackupError(
    `the repository cannot be read with this recovery key: ${cause.message}`,
    "give the recovery key that the backups were made with",
  );
}

function parseRecord(line: string): CoreRecord[] {
  try {
    return [recordSchema.parse(JSON.parse(line))];
  } catch {
    return [];
  }
}

/** A backup and those that it stands on, the full one first; undefined when one of them is missing. */
export function chainOf(record: CoreRecord, records: readonly CoreRecord[]): CoreRecord[] | undefined {
  if (record.parent === null) return [record];
  const parent = records.find(({ label }) => label === record.parent);
  const before = parent === undefined ? undefined : chainOf(parent, records);
  return before === undefined ? undefined : [...before, record];
}

/**
 * The backups that retention does not keep, each after those that stand on it. Kept is all that the window of days needs,
 * which is also the newest full backup before it, and never fewer than `fulls`. Nothing goes before there is a full backup
 * in the window.
 */
export function expired(
  records: readonly CoreRecord[],
  { days, fulls }: { readonly days: number; readonly fulls: number },
  now = Date.now(),
): CoreRecord[] {
  const windowStart = now - days * 86_400_000;
  const all = records.filter(({ type }) => type === "full");
  const inWindow = all.filter(({ stoppedAt }) => Date.parse(stoppedAt) > windowStart);
  if (inWindow.length === 0) return [];
  const kept = new Set(all.slice(-Math.max(inWindow.length + 1, fulls)).map(({ label }) => label));
  return records.filter((record) => !kept.has(chainOf(record, records)?.[0]?.label ?? "")).reverse();
}
