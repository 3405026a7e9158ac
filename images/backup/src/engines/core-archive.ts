import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { BackupError } from "../errors.ts";
import { chain, run } from "../run.ts";
import type { ArchiverState } from "../status.ts";
import type { EncryptedStore } from "../store.ts";
import type { SinkFile } from "../wal-sink-files.ts";
import { decompress, piped } from "./core-pipe.ts";
import { segmentIndex, timelineOf } from "./core-segments.ts";

/** A file of WAL in the archive. */
export interface ArchivedFile {
  readonly systemId: string;
  /** A segment or a timeline's history, without `.partial`. */
  readonly name: string;
  readonly isPartial: boolean;
  /** Encrypted. */
  readonly bytes: number;
  readonly modifiedAt: Date;
  /** Its name in the store. */
  readonly stored: string;
}

/** The store's folder for the WAL of a cluster. */
export const walFolder = (systemId: string) => `wal/${systemId}`;

/** Moves complete files from the sink into the archive: `wal/<system identifier>/<timeline>/<file>.zst`. */
export class CoreArchive {
  readonly #store: EncryptedStore;
  readonly #onGap: () => void;
  /** The newest segment of each timeline by its number; undefined until it is asked for. */
  #newest: Map<string, number> | undefined;
  #state: ArchiverState = { lastArchivedAt: null, failing: null, queue: 0 };

  /** @param onGap called when a segment comes that does not follow the one before it */
  constructor(store: EncryptedStore, onGap: () => void = () => {}) {
    this.#store = store;
    this.#onGap = onGap;
  }

  get state(): ArchiverState {
    return this.#state;
  }

  /** The `tidy` of a sink. */
  async take(files: readonly SinkFile[]): Promise<void> {
    // In a folder that Postgres has left, what is not complete never will be.
    const due = files.filter(({ isPartial, isCurrent }) => !isPartial || !isCurrent);
    this.#state = { ...this.#state, queue: due.length };
    for (const [index, file] of due.entries()) {
      try {
        await this.#follow(file);
        await this.#take(file);
        this.#state = { lastArchivedAt: new Date().toISOString(), failing: null, queue: due.length - index - 1 };
      } catch (error) {
        this.#state = { ...this.#state, failing: `${file.name}: ${(error as Error).message}` };
        throw error;
      }
    }
    await removeFolders(files);
  }

  /** The archived files of every cluster, by name. */
  async list(): Promise<ArchivedFile[]> {
    const files = (await this.#store.list("wal")).flatMap(({ name, bytes, modifiedAt }) => {
      const found = /^wal\/(\d+)\/[0-9A-F]{8}\/([0-9A-F]{24}|[0-9A-F]{8}\.history)(\.partial)?\.zst$/.exec(name);
      if (found === null) return [];
      const [, systemId = "", file = "", partial] = found;
      return [{ systemId, name: file, isPartial: partial !== undefined, bytes, modifiedAt, stored: name }];
    });
    return files.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async #take({ systemId, name, path, isPartial }: SinkFile): Promise<void> {
    const stored = storedName(systemId, name, isPartial);
    if (!(await this.#hasSame(stored, path))) {
      let compressed = 0;
      const source = [["zstd", ["--quiet", "-1", "--stdout", path]]] as const;
      const bytes = await this.#store.put(stored, source, (count) => {
        compressed = count;
      });
      if (bytes !== encryptedBytes(compressed)) {
        throw new BackupError(`${stored} has ${bytes} bytes after ${encryptedBytes(compressed)} were written`);
      }
    }
    await rm(path, { force: true });
  }

  /** Is it the one after the newest of its timeline? */
  async #follow({ systemId, name, path }: SinkFile): Promise<void> {
    if (name.endsWith(".history")) return;
    const { size } = await stat(path);
    const key = `${systemId}/${timelineOf(name)}`;
    this.#newest ??= newestOf(await this.list(), size);
    const index = segmentIndex(name, size);
    const newest = this.#newest.get(key) ?? index - 1;
    if (index > newest + 1) this.#onGap();
    this.#newest.set(key, Math.max(index, newest));
  }

  /** A segment that is streamed a second time is the same, and replaces one that cannot be read. */
  async #hasSame(stored: string, path: string): Promise<boolean> {
    if (!(await this.#store.has(stored))) return false;
    const archived = createHash("sha256");
    try {
      await chain([piped(await this.#store.get(stored), decompress)], { sink: archived });
    } catch {
      return false;
    }
    const streamed = createHash("sha256");
    await pipeline(createReadStream(path), streamed);
    // As streams they have put their digest out.
    if ((archived.read() as Buffer).equals(streamed.read() as Buffer)) return true;
    throw new BackupError(
      `the archive has another ${stored}: two servers have written the same timeline`,
      "restore one of them into a new volume, which gives it a timeline of its own",
    );
  }
}

function newestOf(files: readonly ArchivedFile[], segmentBytes: number): Map<string, number> {
  const segments = files.filter(({ name, isPartial }) => !isPartial && !name.endsWith(".history"));
  // By name, so that the last one of each timeline is the newest.
  return new Map(
    segments.map(({ systemId, name }) => [`${systemId}/${timelineOf(name)}`, segmentIndex(name, segmentBytes)]),
  );
}

/** Name in the store of a file of WAL. */
export function storedName(systemId: string, name: string, isPartial = false): string {
  return join(walFolder(systemId), name.slice(0, 8), `${name}${isPartial ? ".partial" : ""}.zst`);
}

/** Size of what rclone's crypt makes of this many bytes: a header, and an authentication code for each block. */
export function encryptedBytes(bytes: number): number {
  return 32 + bytes + 16 * Math.ceil(bytes / 65_536);
}

/** Removes the folders that were left and are empty by now. */
async function removeFolders(files: readonly SinkFile[]): Promise<void> {
  const left = new Set(files.filter(({ isCurrent }) => !isCurrent).map(({ path }) => dirname(path)));
  for (const folder of left) await run("rmdir", [folder]);
}
