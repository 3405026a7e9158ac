import { lstat } from "node:fs/promises";
import { join, relative } from "node:path";
import { watch } from "chokidar";
import { DatabaseError } from "pg";
import { describeError, type Log } from "./log.ts";
import { isPaperPath, readPaperFile } from "./paper-file.ts";
import type { Papers } from "./papers.ts";
import { untilAborted, untilSuccess } from "./retry.ts";

/** A file is read once its size is stable for this long, in milliseconds: slow copies arrive in pieces. */
const QUIET = { stabilityThreshold: 800, pollInterval: 100 };

/** What the watcher has done so far. */
export interface WatchProgress {
  readonly isInitialScanDone: boolean;
  readonly waiting: number;
  readonly stored: number;
  readonly failed: number;
}

/** Watches a folder and applies its changes to the database, one at a time. */
export class PaperWatcher {
  readonly #folder: string;
  readonly #papers: Papers;
  readonly #log: Log;
  readonly #seen = new Set<string>();
  #queue: Promise<void> = Promise.resolve();
  #counts = { isInitialScanDone: false, waiting: 0, stored: 0, failed: 0 };
  #warning: string | undefined;

  constructor(folder: string, papers: Papers, log: Log) {
    this.#folder = folder;
    this.#papers = papers;
    this.#log = log;
  }

  get progress(): WatchProgress {
    return this.#counts;
  }

  /** A warning for the operator; undefined if all is well. */
  get warning(): string | undefined {
    return this.#warning;
  }

  /** Scans the folder, then watches it until aborted; may be run again afterwards. */
  async run(signal: AbortSignal): Promise<void> {
    this.#seen.clear();
    this.#counts.isInitialScanDone = false;
    const watcher = watch(this.#folder, {
      awaitWriteFinish: QUIET,
      // A link may lead out of the vault.
      followSymlinks: false,
      // An unreadable file is then reported when it is read, instead of being skipped silently.
      ignorePermissionErrors: true,
      // Folders are watched whatever their name, and only their stats tell that they are folders.
      ignored: (path, stats) => stats?.isFile() === true && !isPaperPath(path),
    });
    const onPaper = (file: string) => this.#enqueue(file, signal, (path) => this.#store(path, signal));
    watcher.on("add", onPaper).on("change", onPaper);
    watcher.on("unlink", (file) => this.#enqueue(file, signal, (path) => this.#drop(path, signal)));
    watcher.on("error", (error) =>
      this.#log.warn({ problem: describeError(error) }, "the folder could not be watched"),
    );
    watcher.on("ready", () => this.#enqueue(this.#folder, signal, () => this.#finishScan(signal)));
    try {
      await untilAborted(signal);
    } finally {
      await watcher.close();
    }
  }

  /** Keeps changes in order: a file that was deleted and recreated must not end up deleted. */
  #enqueue(file: string, signal: AbortSignal, work: (path: string) => Promise<void>): void {
    const path = relative(this.#folder, file);
    this.#counts.waiting += 1;
    this.#queue = this.#queue.then(async () => {
      try {
        if (!signal.aborted) await work(path);
      } catch (error) {
        if (signal.aborted) return;
        this.#counts.failed += 1;
        this.#log.warn({ path, problem: describeError(error) }, "a paper could not be stored");
      } finally {
        this.#counts.waiting -= 1;
      }
    });
  }

  async #store(path: string, signal: AbortSignal): Promise<void> {
    const stats = await lstat(join(this.#folder, path));
    if (!stats.isFile()) return;
    this.#seen.add(path);
    const { size, mtime } = stats;
    if (await this.#retrying(signal, () => this.#papers.isStored(path, size, mtime))) return;
    const file = await readPaperFile(this.#folder, path);
    await this.#retrying(signal, () => this.#papers.save(file));
    this.#counts.stored += 1;
    this.#warning = undefined;
    this.#log.info({ path, title: file.title }, "stored a paper");
  }

  async #drop(path: string, signal: AbortSignal): Promise<void> {
    this.#seen.delete(path);
    await this.#retrying(signal, () => this.#papers.markDeleted(path));
    this.#log.info({ path }, "marked a paper as deleted");
  }

  /** Marks what was deleted while nobody was watching. */
  async #finishScan(signal: AbortSignal): Promise<void> {
    const gone = (await this.#retrying(signal, () => this.#papers.livePaths())).filter((path) => !this.#seen.has(path));
    this.#counts.isInitialScanDone = true;
    if (this.#seen.size === 0 && gone.length > 0) {
      // An empty folder more often means that the vault is not mounted than that somebody deleted all papers.
      this.#warning = `the folder is empty but ${gone.length} papers are known: is the vault mounted? nothing was marked`;
      this.#log.warn(this.#warning);
      return;
    }
    for (const path of gone) await this.#drop(path, signal);
    this.#log.info({ papers: this.#seen.size }, "the initial scan is done");
  }

  /** Waits for the database to be back; a row refused for its content is not tried again. */
  #retrying<Result>(signal: AbortSignal, action: () => Promise<Result>): Promise<Result> {
    const onFailure = (error: unknown) => {
      if (error instanceof DatabaseError && /^2[23]/.test(error.code ?? "")) throw error;
      this.#log.debug({ problem: describeError(error) }, "the database did not take a paper, trying again");
    };
    return untilSuccess(action, { signal, onFailure });
  }
}
