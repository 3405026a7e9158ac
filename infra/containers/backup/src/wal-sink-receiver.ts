import type { ChildProcess } from "node:child_process";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BackupError } from "./errors.ts";
import { paths } from "./paths.ts";
import { withPostgres } from "./postgres.ts";
import { ended, failure, output, start } from "./run.ts";

/** Name of the replication slot, and of the sink where Postgres lists who streams from it. */
export const sinkName = "walsink";

/** Longest rest between two attempts, in milliseconds. */
const longestRest = 10_000;

/**
 * Keeps `pg_receivewal` running: what Postgres writes to its WAL is on the repository's disk at once. Each cluster and each
 * timeline has a folder of its own, `<system identifier>/<timeline>`, because pg_receivewal goes on after the newest file
 * it finds, and after a restore that one belongs to another history.
 */
export class WalReceiver {
  readonly #onChange: () => void;
  readonly #log: (line: string) => void;
  #child: ChildProcess | undefined;
  #loop: Promise<void> | undefined;
  #stopping = new AbortController();
  #folder: string | undefined;
  #problem: string | null = null;

  /** @param onChange called when a segment is complete, and when another folder is the current one */
  constructor(onChange: () => void, log: (line: string) => void) {
    this.#onChange = onChange;
    this.#log = log;
  }

  /** Where the WAL of this moment goes; undefined before Postgres has answered for the first time. */
  get folder(): string | undefined {
    return this.#folder;
  }

  /** Why it does not stream; null while it does. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Starts it; the second time nothing happens. */
  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    // It writes what it has, and ends.
    this.#child?.kill("SIGINT");
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let rest = 1000;
    while (!signal.aborted) {
      const started = Date.now();
      try {
        await this.#receive();
      } catch (error) {
        this.#tell((error as Error).message);
      }
      rest = Date.now() - started > 60_000 ? 1000 : Math.min(rest * 2, longestRest);
      await sleep(rest, undefined, { signal }).catch(() => {});
    }
  }

  /** One life of pg_receivewal. */
  async #receive(): Promise<void> {
    this.#folder = await prepare();
    this.#onChange();
    const target = `host=${paths.socket} user=postgres application_name=${sinkName}`;
    const options = ["--synchronous", "--no-loop", "--no-password", "--verbose", "--status-interval=1"];
    const args = [...options, `--slot=${sinkName}`, `--directory=${this.#folder}`, `--dbname=${target}`];
    const child = start("pg_receivewal", args);
    this.#child = child;
    if (this.#stopping.signal.aborted) child.kill("SIGINT");
    child.stdin?.end();
    child.stdout?.resume();
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of createInterface({ input: child.stderr as Readable })) this.#read(line, lines);
    })();
    const [exitCode] = await Promise.all([ended(child, "pg_receivewal"), reading]);
    if (this.#stopping.signal.aborted) return;
    if (lines.some((line) => /has already been removed/.test(line))) await this.#putAside();
    throw failure("pg_receivewal", { exitCode, lastLines: lines });
  }

  #read(line: string, lines: string[]): void {
    if (/finished segment/.test(line)) this.#onChange();
    else if (/starting log streaming/.test(line)) this.#problem = null;
    else lines.push(line);
    if (lines.length > 20) lines.shift();
  }

  /** Postgres has no longer what follows the newest file here: what it has now is the beginning of something new. */
  async #putAside(): Promise<void> {
    const folder = this.#folder as string;
    await rename(folder, `${folder}.${Date.now()}`);
    this.#log(`WAL after the newest file in ${folder} is gone: until the next full backup, restores end there`);
    this.#onChange();
  }

  #tell(problem: string): void {
    if (problem !== this.#problem) this.#log(`the WAL is not streamed: ${problem}`);
    this.#problem = problem;
  }
}

/** Makes the slot and the folder for the cluster and timeline that Postgres is on. @returns the folder */
async function prepare(): Promise<string> {
  const { systemId, timeline } = await withPostgres(async (client) => {
    const { rows } = await client.query<{ status: string | null }>(
      "select wal_status as status from pg_replication_slots where slot_name = $1",
      [sinkName],
    );
    // A slot that was left behind too far keeps nothing, and can never be used again.
    if (rows[0]?.status === "lost") await client.query("select pg_drop_replication_slot($1)", [sinkName]);
    if (rows[0] === undefined || rows[0].status === "lost") {
      await client.query("select pg_create_physical_replication_slot($1, true)", [sinkName]);
    }
    const found = await client.query<{ systemId: string; timeline: string }>(
      `select system_identifier::text as "systemId", left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline
       from pg_control_system()`,
    );
    return found.rows[0] as { systemId: string; timeline: string };
  });
  if (!/^\d+$/.test(systemId)) throw new BackupError(`Postgres has no system identifier but "${systemId}"`);
  const folder = join(paths.walSink, systemId, timeline);
  await output("mkdir", ["-p", folder]);
  return folder;
}
