import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { Agent } from "./agent.ts";
import type { BackupNote } from "./contract.ts";
import { writeJson } from "./process/json-file.ts";
import type { World } from "./world.ts";

/** Time between two notes, in seconds. */
export const noteSeconds = 15;
/** Time between two measurements of the volumes, in milliseconds: each reads the names of all files. */
const measureEvery = 300_000;

/** Leaves notes for the status page, where the stack has one. */
export class Notes {
  readonly #world: World;
  #measured: { bytes: BackupNote["volumeBytes"]; at: number } = { bytes: {}, at: Number.NEGATIVE_INFINITY };

  constructor(world: World) {
    this.#world = world;
  }

  /** What the drills say: that they are there. */
  drill(): Promise<void> {
    return this.#leave("drill", { problem: null });
  }

  async backup(agent: Pick<Agent, "health" | "status">): Promise<void> {
    if (!existsSync(this.#world.paths.notes)) return;
    const problem = await agent.health().then(
      () => null,
      (error: Error) => error.message,
    );
    const status = await agent.status();
    await this.#leave("backup", { problem, status, volumeBytes: await this.#volumes() });
  }

  async #leave(name: string, note: Partial<BackupNote>): Promise<void> {
    const { paths, now } = this.#world;
    if (!existsSync(paths.notes)) return;
    const file = join(paths.notes, `${name}.json`);
    await writeJson(file, { at: new Date(now()).toISOString(), ...note });
    // Its reader is nobody, and the agent may run with a strict umask.
    await chmod(file, 0o644);
  }

  async #volumes(): Promise<BackupNote["volumeBytes"]> {
    const { paths, now, run } = this.#world;
    if (now() - this.#measured.at < measureEvery) return this.#measured.bytes;
    const volumes = { postgres: paths.volume, backup: paths.repository, home: paths.lettaHome, data: paths.lettaData };
    const bytes: Record<string, number> = {};
    for (const [name, path] of Object.entries(volumes)) {
      // Files may vanish while it counts: then it has exit code 1, and a number all the same.
      const { stdout } = await run("du", ["--summarize", "--block-size=1", path], { asRoot: true });
      const size = Number.parseInt(stdout, 10);
      if (!Number.isNaN(size)) bytes[name] = size;
    }
    this.#measured = { bytes, at: now() };
    return bytes;
  }
}
