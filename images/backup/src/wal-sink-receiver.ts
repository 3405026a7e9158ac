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

/** Rest between two attempts, in milliseconds: with rpoZero, commits wait meanwhile. */
const rest = 1000;

/** What a receiver tells while it runs. */
export interface ReceiverEvents {
  /** A segment is complete, or another folder is the current one. */
  readonly onChange: () => void;
  /** WAL is missing that nobody has any more. */
  readonly onGap: () => void;
  readonly log: (line: string) => void;
}

/**
 * Keeps `pg_receivewal` running: what Postgres writes to its WAL is on the repository's disk at once. Each cluster and each
 * timeline has a folder of its own, `<system identifier>/<timeline>`, because pg_receivewal goes on after the newest file
 * it finds, and after a restore that one belongs to another history.
 */
export class WalReceiver {
  readonly #events: ReceiverEvents;
  #child: ChildProcess | undefined;
  #loop: Promise<void> | undefined;
  #stopping = new AbortController();
  #folder: string | undefined;
  #problem: string | null = null;

  constructor(events: ReceiverEvents) {
    this.#events = events;
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
    while (!signal.aborted) {
      try {
        await this.#receive();
      } catch (error) {
        this.#tell((error as Error).message);
      }
      await sleep(rest, undefined, { signal }).catch(() => {});
    }
  }

  /** One life of pg_receivewal. */
  async #receive(): Promise<void> {
    const { folder, isLost } = await prepare();
    this.#folder = folder;
    this.#events.onChange();
    if (isLost) this.#events.onGap();
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
    if (/finished segment/.test(line)) this.#events.onChange();
    else if (/starting log streaming/.test(line)) this.#problem = null;
    else lines.push(line);
    if (lines.length > 20) lines.shift();
  }

  /** Postgres has no longer what follows the newest file here: what it has now is the beginning of something new. */
  async #putAside(): Promise<void> {
    const folder = this.#folder as string;
    await rename(folder, `${folder}.${Date.now()}`);
    this.#events.log(`WAL after the newest file in ${folder} is gone: until the next full backup, restores end there`);
    this.#events.onGap();
  }

  #tell(problem: string): void {
    if (problem !== this.#problem) this.#events.log(`the WAL is not streamed: ${problem}`);
    this.#problem = problem;
  }
}

/** Makes the slot and the folder for the cluster and timeline that Postgres is on; true when WAL since the last time is lost. */
async function prepare(): Promise<{ folder: string; isLost: boolean }> {
  const { systemId, timeline, isLost } = await withPostgres(async (client) => {
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
    return { ...(found.rows[0] as { systemId: string; timeline: string }), isLost: rows[0]?.status === "lost" };
  });
  if (!/^\d+$/.test(systemId)) throw new BackupError(`Postgres has no system identifier but "${systemId}"`);
  const folder = join(paths.walSink, systemId, timeline);
  await output("mkdir", ["-p", folder]);
  return { folder, isLost };
}
