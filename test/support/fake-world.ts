import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type BackupRecord, paths, settingsSchema } from "../../images/backup/src/contract.ts";
import type { Client } from "../../images/backup/src/postgres.ts";
import type { RunResult, Stage } from "../../images/backup/src/process/run.ts";
import type { World } from "../../images/backup/src/world.ts";
import { temporaryFolder } from "./temporary.ts";

/** What a fake program does: its output, a failure, or work that it does first. */
export type Answer = string | Partial<RunResult> | ((command: string) => string | Promise<string>);

export const silent = () => {};

export const agentSettings = settingsSchema.parse({
  recoveryKey: "k".repeat(44),
  stack: "letta",
  schedule: {},
  retention: {},
  configHash: "a",
  keys: { seed: "s" },
});

export const backupRecord = (stoppedAt: string, changes: Partial<BackupRecord> = {}): BackupRecord => {
  const sizes = { bytes: 1, repositoryBytes: 1, databaseBytes: 1 };
  return { label: stoppedAt, type: "full", startedAt: stoppedAt, stoppedAt, ...sizes, error: false, ...changes };
};

/** The agent's surroundings, in a folder of the test. */
export class FakeWorld implements World {
  readonly paths: World["paths"];
  /** Start of a command, or a part of a query -> its answer; the first that fits counts. Others put out nothing. */
  readonly answers: Record<string, Answer | readonly object[]> = {};
  /** Every command and query, in order. */
  readonly calls: string[] = [];
  /** Milliseconds. */
  time = Date.parse("2026-11-24T12:00:00Z");

  constructor() {
    const folder = temporaryFolder();
    const inFolder = Object.entries(paths).map(([name, path]) => [name, join(folder, path)]);
    this.paths = Object.fromEntries(inFolder) as World["paths"];
    for (const name of ["files", "pgbackrest", "status", "scratch"] as const)
      mkdirSync(this.paths[name], { recursive: true });
  }

  readonly now = () => this.time;

  readonly run: World["run"] = async (file, args, options) => {
    const command = [file, ...args].join(" ");
    this.calls.push(command);
    const answer = this.#answer((key) => command.startsWith(key)) as Answer | undefined;
    const given = typeof answer === "function" ? await answer(command) : answer;
    const [, stored] = /^rclone cat store:(.+)$/.exec(command) ?? [];
    const stdout =
      typeof given === "string" ? given : stored === undefined ? "" : readFileSync(this.#stored(stored), "utf8");
    const failure = typeof given === "object" ? given : {};
    const result = { exitCode: 0, stdout, lastLines: stdout.split("\n"), ...failure };
    for (const line of result.lastLines) options?.onLine?.(line);
    return result;
  };

  /** What is put into the store is in its file, in the clear. */
  readonly pipe: World["pipe"] = async (stages: readonly Stage[]) => {
    this.calls.push(stages.map(([file, args]) => [file, ...args].join(" ")).join(" | "));
    const [, args, options] = stages.at(-1) ?? [];
    const [, name] = /^store:(.+)$/.exec(args?.[1] ?? "") ?? [];
    if (name === undefined) return;
    mkdirSync(dirname(this.#stored(name)), { recursive: true });
    writeFileSync(this.#stored(name), options?.input ?? "");
  };

  readonly postgres: World["postgres"] = async (work) => {
    const query = async (sql: string) => {
      this.calls.push(sql.trim());
      const rows = this.#answer((key) => sql.includes(key)) ?? [];
      if (typeof rows === "function") return { rows: JSON.parse(await rows(sql)) };
      return { rows };
    };
    return work({ query } as unknown as Client);
  };

  /** The commands that begin with a word, since the last time this was asked. */
  taken(start: string): string[] {
    return this.calls.splice(0).filter((call) => call.startsWith(start));
  }

  #answer(fits: (key: string) => boolean) {
    return Object.entries(this.answers).find(([key]) => fits(key))?.[1];
  }

  #stored(name: string): string {
    return join(this.paths.files, `${name}.bin`);
  }
}
