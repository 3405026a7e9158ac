import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { BackupError } from "./errors.ts";
import { readJson, writeJson } from "./json-file.ts";
import { filters } from "./offsite-files.ts";
import { Remote, type TransferStats } from "./offsite-remote.ts";
import { paths } from "./paths.ts";
import { output } from "./run.ts";
import type { Offsite } from "./settings.ts";

/** Names the repository, so that a new and empty one cannot take the place of the copy that is needed then. */
const idFile = "repository.json";
const ownIdFile = join(paths.repository, idFile);
/** What the files that name others said before the copying of the others began. */
const snapshot = "/tmp/offsite-indexes";
/** Somebody waits for a pull, and would have to begin anew. */
const patience = ["--retries", "10", "--retries-sleep", "10s"];

type OnStats = (stats: TransferStats) => void;

/**
 * The copy of the repository on another host, made by rclone. Postgres never waits for it.
 *
 * What names other files follows them, there as in the repository: at any moment the copy can be restored from.
 */
export class OffsiteCopy {
  readonly #remote: Remote;

  constructor(offsite: Offsite) {
    this.#remote = new Remote(offsite);
  }

  /** Where it is, as a person would write it. */
  get name(): string {
    return this.#remote.name;
  }

  /**
   * Looks whose copy is there, and makes the place this repository's own where there is none.
   *
   * @returns whether a copy of this repository was there already
   * @throws BackupError when the other host does not answer, or has the copy of another repository
   */
  async claim(): Promise<boolean> {
    const found = await this.#remote.text(idFile);
    if (found === undefined) {
      await this.#remote.rclone(["copyto", "--ignore-existing", ownIdFile, this.#remote.at(idFile)]);
      return false;
    }
    const id = idIn(found);
    if (id === (await repositoryId())) return true;
    throw new BackupError(
      `${this.name} has the copy of another repository (${id}), which is left as it is`,
      "set another path in thoth-letta:backup.offsite",
    );
  }

  /** Copies the WAL archived since then, in the order it was written, so that what is there has no gap. */
  async pushWal(since: Date): Promise<void> {
    const order = ["--check-first", "--order-by", "name,ascending", "--transfers", "1"];
    await this.#push(filters.wal, [...order, "--no-traverse", "--max-age", since.toISOString()]);
  }

  /** Copies all WAL that is not there yet. `isOld`: not that of the last minutes, which {@link pushWal} may be at. */
  async pushAllWal({ isOld, onStats }: { isOld: boolean; onStats: OnStats }): Promise<void> {
    await this.#push(filters.wal, ["--transfers", "4", "--fast-list", ...(isOld ? ["--min-age", "10m"] : [])], onStats);
  }

  /**
   * Copies all else that is not there yet, and then what names it.
   *
   * @param between done before the copy presents what is new: its WAL is to be there too
   */
  async pushRest(between: () => Promise<void>, onStats: OnStats): Promise<void> {
    await output("rclone", ["sync", paths.repository, snapshot, ...filters.indexes], {
      env: { RCLONE_CONFIG: "/dev/null" },
    });
    await this.#push(filters.rest, ["--transfers", "4", "--fast-list"], onStats);
    await between();
    // One at a time: pgBackRest has each of them twice, and takes the other where a write was cut short.
    await this.#remote.rclone(["copy", snapshot, this.#remote.at(), "--transfers", "1"]);
  }

  /** Removes files, and the folders of backups that are empty then. */
  async remove(names: readonly string[]): Promise<void> {
    const input = names.map((name) => `${name}\n`).join("");
    await this.#remote.rclone(["delete", this.#remote.at(), "--files-from-raw", "-"], { input });
    if (names.some((name) => name.startsWith("pgbackrest/backup/main/")))
      await this.#remote.rclone(["rmdirs", this.#remote.at("pgbackrest/backup/main"), "--leave-root"]);
  }

  /** Copies what names the other files into a folder, and nothing else. @throws BackupError when there is no copy */
  async fetchIndexes(folder: string): Promise<void> {
    if ((await this.#remote.text(idFile)) === undefined)
      throw new BackupError(`there is no copy of a repository at ${this.name}`, "check thoth-letta:backup.offsite");
    await this.#remote.rclone(["sync", this.#remote.at(), folder, ...filters.indexes, ...patience]);
  }

  /** Copies all files but those into the repository; what is there already is not copied again. */
  async fetchFiles(onStats: OnStats): Promise<void> {
    await this.#remote.rclone(["copy", this.#remote.at(), paths.repository, ...filters.files, ...patience], {
      onStats,
    });
  }

  #push(which: readonly string[], flags: readonly string[], onStats?: OnStats): Promise<void> {
    // A backup that is being made is copied as far as it is: nothing names it yet, and the next push has the rest.
    const args = ["copy", paths.repository, this.#remote.at(), ...which, ...flags, "--local-no-check-updated"];
    return this.#remote.rclone(args, onStats === undefined ? {} : { onStats });
  }
}

function idIn(text: string): string {
  try {
    return String((JSON.parse(text) as { id?: unknown }).id);
  } catch {
    return "unreadable";
  }
}

/** The id of this repository; made when it has none. */
export async function repositoryId(): Promise<string> {
  const known = await readJson<{ id: string }>(ownIdFile);
  if (known !== undefined) return known.id;
  const id = randomUUID();
  await writeJson(ownIdFile, { id, createdAt: new Date().toISOString() });
  return id;
}
