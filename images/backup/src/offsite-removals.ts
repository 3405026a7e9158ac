import { rm } from "node:fs/promises";
import { join } from "node:path";
import { readJson, writeJson } from "./json-file.ts";
import { copiedFiles } from "./offsite-files.ts";
import { paths } from "./paths.ts";

const beforeFile = join(paths.status, "offsite-before.json");
const pendingFile = join(paths.status, "offsite-removed.json");

/**
 * Which files retention removed here, and so are to be removed from the copy. Nothing else is: what is lost here by accident
 * stays there.
 */
export class Removals {
  /** Runs what may remove files, one at a time. */
  async during<Result>(job: () => Promise<Result>): Promise<Result> {
    await this.settle();
    await writeJson(beforeFile, await copiedFiles(paths.repository));
    try {
      return await job();
    } finally {
      await this.settle();
    }
  }

  /** Notes what is gone since a job began, also one that a process before this one never ended. */
  async settle(): Promise<void> {
    const before = await readJson<string[]>(beforeFile);
    if (before === undefined) return;
    const now = new Set(await copiedFiles(paths.repository));
    const gone = before.filter((path) => !now.has(path));
    if (gone.length > 0) await writeJson(pendingFile, [...(await this.#noted()), ...gone]);
    await rm(beforeFile);
  }

  /** What the copy may still have. */
  async pending(): Promise<string[]> {
    const now = new Set(await copiedFiles(paths.repository));
    // What came back under its old name is to stay.
    return (await this.#noted()).filter((path) => !now.has(path));
  }

  /** Notes that the copy no longer has these. */
  async done(removed: readonly string[]): Promise<void> {
    const rest = (await this.#noted()).filter((path) => !removed.includes(path));
    await writeJson(pendingFile, rest);
  }

  async #noted(): Promise<string[]> {
    return (await readJson<string[]>(pendingFile)) ?? [];
  }
}
