import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";

/** What one writer knows: the rows that Postgres said are committed, and when, in milliseconds, it last said so. */
type Written = { readonly acknowledged: Set<number>; lastAt: number; failures: number };

/** What came of the rows that were acknowledged. */
export interface Comparison {
  readonly acknowledged: number;
  readonly lost: number;
  /** Rows that are there twice: a write that was sent again though it had succeeded. */
  readonly doubled: number;
  /** Rows that are there, including those never acknowledged. */
  readonly found: number;
  /** Of these the one with the highest number; undefined where there are none. */
  readonly newest: { readonly n: number; readonly at: Date } | undefined;
}

const table = "acknowledged";

/**
 * Clients that insert numbered rows one by one, each in a separate transaction, and remember the numbers whose
 * commit Postgres has acknowledged. A number whose connection died may or may not be there.
 */
export class Writers {
  readonly #url: string;
  readonly #clients: Written[];
  readonly #settings: string;
  readonly #rest: number;
  #isStopped = false;
  #running: Promise<unknown> = Promise.resolve();

  /**
   * @param settings run by each connection first, e.g. `set synchronous_commit = off`
   * @param restMilliseconds between two rows of a client
   */
  constructor(url: string, { count = 4, settings = "select", restMilliseconds = 0 } = {}) {
    this.#url = url;
    this.#settings = settings;
    this.#rest = restMilliseconds;
    this.#clients = Array.from({ length: count }, () => ({ acknowledged: new Set(), lastAt: 0, failures: 0 }));
  }

  get acknowledged(): number {
    return this.#clients.reduce((sum, { acknowledged }) => sum + acknowledged.size, 0);
  }

  get failures(): number {
    return this.#clients.reduce((sum, { failures }) => sum + failures, 0);
  }

  /** When the last row was acknowledged, in milliseconds. */
  get lastAt(): number {
    return Math.max(...this.#clients.map(({ lastAt }) => lastAt));
  }

  async start(): Promise<void> {
    const columns = "client int, n int, at timestamptz default clock_timestamp()";
    const make = `drop table if exists ${table}; create table ${table} (${columns})`;
    await withPostgres(this.#url, (client) => client.query(make));
    this.#running = Promise.all(this.#clients.map((written, index) => this.#write(index, written)));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Compares what was acknowledged with what is there. */
  async compare(url = this.#url): Promise<Comparison> {
    const all = `select client, n, at from ${table} order by n`;
    const { rows } = await withPostgres(url, (db) => db.query<{ client: number; n: number; at: Date }>(all));
    const found = new Set(rows.map(({ client, n }) => `${client}/${n}`));
    const lost = this.#clients.flatMap(({ acknowledged }, client) =>
      [...acknowledged].filter((n) => !found.has(`${client}/${n}`)),
    );
    const counts = { acknowledged: this.acknowledged, lost: lost.length, doubled: rows.length - found.size };
    return { ...counts, found: rows.length, newest: rows.at(-1) };
  }

  async #write(index: number, written: Written): Promise<void> {
    let n = 0;
    while (!this.#isStopped) {
      const limits = { connectionTimeoutMillis: 2000, query_timeout: 20_000 };
      const client = new pg.Client({ connectionString: this.#url, ssl: { rejectUnauthorized: false }, ...limits });
      client.on("error", () => {});
      try {
        await client.connect();
        await client.query(this.#settings);
        while (!this.#isStopped) {
          n += 1;
          await client.query(`insert into ${table} (client, n) values ($1, $2)`, [index, n]);
          written.acknowledged.add(n);
          written.lastAt = Date.now();
          if (this.#rest > 0) await sleep(this.#rest);
        }
      } catch {
        written.failures += 1;
        await sleep(50);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }
}
