import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "./paths.ts";
import { withPostgres } from "./postgres.ts";
import type { Settings } from "./settings.ts";
import type { RpoZeroState } from "./status.ts";
import { CommitWait } from "./wal-sink-commits.ts";
import { sinkName, WalReceiver } from "./wal-sink-receiver.ts";

export { sinkName } from "./wal-sink-receiver.ts";

/** Files are looked after this often without a reason, in milliseconds. */
const tidyEvery = 5000;

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

/** How a sink is run. */
export interface WalSinkOptions {
  /** Does with the files what is to be done when they are complete; not called twice at the same time. */
  readonly tidy: (files: readonly SinkFile[]) => Promise<void>;
  /** Default: standard error. */
  readonly log?: (line: string) => void;
}

/** The repository's plain copy of the newest WAL, which Postgres streams here as it writes it. */
export class WalSink {
  readonly #receiver: WalReceiver;
  readonly #commits: CommitWait;
  readonly #tidy: WalSinkOptions["tidy"];
  #timer: NodeJS.Timeout | undefined;
  #tidying: Promise<void> | undefined;
  #isTidyWanted = false;
  #tidyProblem: string | null = null;

  constructor(
    settings: Pick<Settings, "rpoZero" | "rpoZeroWaitSeconds">,
    { tidy, log = (line) => console.error(line) }: WalSinkOptions,
  ) {
    this.#tidy = tidy;
    this.#receiver = new WalReceiver(() => this.tidy(), log);
    this.#commits = new CommitWait(settings.rpoZero, settings.rpoZeroWaitSeconds, log);
  }

  /** Whether commits wait for the sink; null when nobody wants them to. */
  get rpoZero(): RpoZeroState | null {
    return this.#commits.state.wanted ? this.#commits.state : null;
  }

  /** Why WAL does not come or completed WAL does not go on; null when all is well. */
  get problem(): string | null {
    return this.#receiver.problem ?? this.#tidyProblem;
  }

  /** Starts what runs all the time; the second time nothing happens. */
  start(): void {
    this.#timer ??= setInterval(() => this.tidy(), tidyEvery);
    this.#receiver.start();
    this.#commits.start();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#commits.stop();
    await this.#receiver.stop();
    await this.#tidying;
  }

  /** Looks after the files soon. */
  tidy(): void {
    this.#isTidyWanted = true;
    this.#tidying ??= this.#tidyAll().finally(() => {
      this.#tidying = undefined;
    });
  }

  async #tidyAll(): Promise<void> {
    while (this.#isTidyWanted) {
      this.#isTidyWanted = false;
      try {
        await this.#tidy(await sinkFiles(this.#receiver.folder));
        this.#tidyProblem = null;
      } catch (error) {
        this.#tidyProblem = (error as Error).message;
      }
    }
  }
}

/** Does Postgres stream to the sink at this moment? */
export async function isStreaming(): Promise<boolean> {
  return withPostgres(async (client) => {
    const { rowCount } = await client.query(
      "select from pg_stat_replication where application_name = $1 and state = 'streaming'",
      [sinkName],
    );
    return rowCount !== 0;
  });
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
export function removeArchived({ days }: Settings["retention"]): WalSinkOptions["tidy"] {
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
