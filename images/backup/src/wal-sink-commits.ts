import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { withPostgres } from "./postgres.ts";
import type { RpoZeroState } from "./status.ts";
import { sinkName } from "./wal-sink-receiver.ts";

/** The sink may be this many bytes behind when commits begin to wait for it. */
const nearly = 1024 * 1024;

/** What Postgres knows of the sink. */
interface Seen {
  /** Is Postgres told to let commits wait for it? */
  readonly isSet: boolean;
  /** Do they? */
  readonly isWaiting: boolean;
  /** When the sink last answered, in its own time; null while it does not stream. */
  readonly reply: string | null;
  readonly bytesBehind: number | null;
}

/**
 * Lets commits wait until the sink has them on disk, as long as the sink answers. When it has been silent for too long they
 * go on without it, and wait again once it has caught up. The container of Postgres does the first half on its own too
 * (`postgres-watchdog.sh`), as this process may be what is dead.
 */
export class CommitWait {
  readonly #wanted: boolean;
  readonly #waitSeconds: number;
  readonly #log: (line: string) => void;
  #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #state: RpoZeroState;
  #reply: string | null = null;
  #repliedAt = performance.now();

  constructor(wanted: boolean, waitSeconds: number, log: (line: string) => void) {
    this.#wanted = wanted;
    this.#waitSeconds = waitSeconds;
    this.#log = log;
    this.#state = { wanted, active: false, since: null, problem: wanted ? "the sink has not caught up yet" : null };
  }

  get state(): RpoZeroState {
    return this.#state;
  }

  /** Starts it; the second time nothing happens. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Lets commits go on without the sink, which is going to stop. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    if (this.#wanted) await withPostgres((client) => release(client)).catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await withPostgres((client) => this.#watch(client)).catch((error: Error) =>
        this.#change(false, `Postgres does not answer: ${error.message}`),
      );
      await sleep(1000, undefined, { signal }).catch(() => {});
    }
  }

  async #watch(client: pg.Client): Promise<void> {
    const { signal } = this.#stopping;
    // What was before Postgres answered is no silence of the sink.
    this.#repliedAt = performance.now();
    // Without a timer of its own a lost answer would end the watch.
    await client.query("set statement_timeout = '10s'");
    while (!signal.aborted) {
      const seen = await look(client);
      if (this.#wanted) await this.#decide(client, seen);
      else if (seen.isSet) await release(client);
      await sleep(1000, undefined, { signal }).catch(() => {});
    }
  }

  async #decide(client: pg.Client, { isSet, isWaiting, reply, bytesBehind }: Seen): Promise<void> {
    const isAnswering = reply !== null && reply !== this.#reply;
    this.#reply = reply;
    if (isAnswering) this.#repliedAt = performance.now();
    const silentSeconds = (performance.now() - this.#repliedAt) / 1000;
    if (!isSet && isAnswering && bytesBehind !== null && bytesBehind < nearly) await hold(client);
    if (isSet && silentSeconds >= this.#waitSeconds) await release(client);
    if (isWaiting && silentSeconds < this.#waitSeconds) this.#change(true, null);
    else if (silentSeconds >= this.#waitSeconds)
      this.#change(false, `the sink has not answered for ${this.#waitSeconds} seconds, so commits go on without it`);
    else if (!isSet) this.#change(false, this.#state.problem ?? "the sink is catching up");
  }

  #change(active: boolean, problem: string | null): void {
    if (active !== this.#state.active) {
      this.#log(active ? "commits wait for the repository" : `commits do not wait for the repository: ${problem}`);
    }
    const since = active === this.#state.active ? this.#state.since : new Date().toISOString();
    this.#state = { wanted: this.#wanted, active, since, problem };
  }
}

async function look(client: pg.Client): Promise<Seen> {
  const { rows } = await client.query<Seen>(
    `select current_setting('synchronous_standby_names') = $1 as "isSet",
       coalesce(bool_or(sync_state = 'sync'), false) as "isWaiting",
       max(reply_time)::text as reply,
       min(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn))::float8 as "bytesBehind"
     from pg_stat_replication where application_name = $1 and state = 'streaming'`,
    [sinkName],
  );
  return rows[0] as Seen;
}

async function hold(client: pg.Client): Promise<void> {
  await client.query(`alter system set synchronous_standby_names = '${sinkName}'`);
  await client.query("select pg_reload_conf()");
}

/** Is Postgres told to let commits wait for the sink? */
export async function isHeld(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ names: string }>(
    "select current_setting('synchronous_standby_names') as names",
  );
  return rows[0]?.names === sinkName;
}

/** Lets commits go on, those that are waiting too. */
export async function release(client: pg.Client): Promise<void> {
  await client.query("alter system reset synchronous_standby_names");
  await client.query("select pg_reload_conf()");
}
