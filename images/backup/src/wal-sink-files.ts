import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "./paths.ts";
import { withPostgres } from "./postgres.ts";
import type { Settings } from "./settings.ts";

/** Does with the files of a sink what is to be done when they are complete. */
export type Tidy = (files: readonly SinkFile[]) => Promise<void>;

/** A file of the sink. */
export interface SinkFile {
  readonly systemId: string;
  /** A segment or a timeline's history, without `.partial`. */
  readonly name: string;
  readonly path: string;
  readonly isPartial: boolean;
  /** False in a folder that Postgres has left for another timeline. */
  readonly isCurrent: boolean;
  readonly modifiedAt: Date;
}

/** The files of the sink in the order of their segments. @param current the folder that is being written; default: any is */
export async function sinkFiles(current?: string): Promise<SinkFile[]> {
  const entries = await readdir(paths.walSink, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.map(async (entry): Promise<SinkFile | undefined> => {
    const found = /^([0-9A-F]{24}|[0-9A-F]{8}\.history)(\.partial)?$/.exec(entry.name);
    const systemId = /\/(\d+)\/[0-9A-F]{8}(\.\d+)?$/.exec(entry.parentPath)?.[1];
    const path = join(entry.parentPath, entry.name);
    // A file that was completed a moment ago has another name now.
    const { mtime } = (await stat(path).catch(() => undefined)) ?? {};
    if (found === null || systemId === undefined || mtime === undefined) return undefined;
    const isCurrent = current === undefined || current === entry.parentPath;
    return {
      systemId,
      name: found[1] as string,
      path,
      isPartial: found[2] !== undefined,
      isCurrent,
      modifiedAt: mtime,
    };
  });
  const known = (await Promise.all(files)).filter((file) => file !== undefined);
  return known.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The `tidy` of a sink beside an archive that Postgres itself fills: what that has is removed here. WAL of timelines that
 * were left is kept for `days`, as nobody knows whether it was archived.
 */
export function removeArchived({ days }: Settings["retention"]): Tidy {
  return async (files) => {
    const complete = files.filter(({ isPartial, isCurrent }) => !isPartial || !isCurrent);
    if (complete.length === 0) return;
    const archived = await lastArchived();
    const oldest = Date.now() - days * 86_400_000;
    for (const { name, path, isCurrent, modifiedAt } of complete) {
      const isOnTimeline = archived !== null && name.slice(0, 8) === archived.slice(0, 8);
      const isArchived = isCurrent && isOnTimeline && name.slice(0, 24) <= archived;
      if (isArchived || modifiedAt.getTime() < oldest) await rm(path, { force: true });
    }
  };
}

/** The newest segment that Postgres' archive_command has taken. */
async function lastArchived(): Promise<string | null> {
  return withPostgres(async (client) => {
    const { rows } = await client.query<{ name: string | null }>(
      "select left(last_archived_wal, 24) as name from pg_stat_archiver",
    );
    return rows[0]?.name ?? null;
  });
}

/** The script behind {@link restoreCommand}. */
const script = join(import.meta.dirname, "restore-wal.sh");

/**
 * A restore_command that falls back to the sink: what an archive does not have yet may be there.
 *
 * @param archiveGet the archive's own command, without quotes: exit code 1 for a file that it does not have; any other but
 *   0 ends the recovery, because WAL that is damaged is not the end of the WAL
 */
export function restoreCommand(archiveGet: string): string {
  return `sh ${script} ${paths.walSink} %f %p ${archiveGet}`;
}
