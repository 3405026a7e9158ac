import { join } from "node:path";
import { readJson, writeJson } from "./process/json-file.ts";
import type { Remembered } from "./status.ts";
import type { World } from "./world.ts";

/** What the agent remembers over restarts. */
export class Memory {
  readonly #file: string;
  #content: Remembered;

  constructor({ paths, now }: World) {
    this.#file = join(paths.status, "remembered.json");
    this.#content = { since: new Date(now()).toISOString() };
  }

  get content(): Remembered {
    return this.#content;
  }

  /** Resumes where an earlier process ended. */
  async load(): Promise<void> {
    this.#content = { ...this.#content, ...(await readJson<Remembered>(this.#file)) };
    await this.remember({});
  }

  async remember(change: Partial<Remembered>): Promise<void> {
    this.#content = { ...this.#content, ...change };
    await writeJson(this.#file, this.#content);
  }
}
