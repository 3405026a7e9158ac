import { readFileSync } from "node:fs";
import pg from "pg";
import { describeError, type Log } from "./log.ts";
import { untilSuccess } from "./retry.ts";
import { EXTENSIONS, MIGRATION, SCHEMA } from "./schema.ts";

/** Numbers of our advisory locks: arbitrary, but the same in all programs. */
export const LOCKS = { migration: 7_104_310, agent: 7_104_311 } as const;

/** A statement failed; the API answers 503. */
class DatabaseFailure extends Error {
  override readonly name = "DatabaseFailure";
  readonly statusCode = 503;

  constructor(cause: unknown) {
    super(`the database did not answer: ${describeError(cause)}`, { cause });
  }
}

/** What the work of a transaction may use. */
export type Queryable = Pick<pg.ClientBase, "query">;

/** The pool of connections to Postgres, and our schema in it. */
export class Database {
  readonly #pool: pg.Pool;
  readonly #log: Log;
  readonly #idle: number;
  #isPrepared = false;

  /**
   * @param idle connections that stay open
   * @param authority CA file to verify the server's certificate with; without one any certificate is accepted
   */
  constructor(url: string, authority: string | undefined, log: Log, idle = 0) {
    this.#log = log;
    this.#idle = idle;
    this.#pool = new pg.Pool({
      connectionString: url,
      ssl: authority === undefined ? { rejectUnauthorized: false } : { ca: readFileSync(authority, "utf8") },
      application_name: "thoth-stand-in",
      max: 5,
      ...(idle === 0 ? {} : { idleTimeoutMillis: 0 }),
      connectionTimeoutMillis: 2000,
      query_timeout: 10_000,
      keepAlive: true,
      // `public` holds the extensions' types and functions.
      options: `-c search_path=${SCHEMA},public`,
    });
    // An idle connection that Postgres closes (restart, failover) is an error event; unhandled, it ends the process.
    this.#pool.on("error", (error) => log.warn({ problem: describeError(error) }, "a database connection was lost"));
  }

  /** Waits for the database and creates the schema, however long it takes. */
  async prepare(signal: AbortSignal): Promise<void> {
    let told = "";
    const onFailure = (error: unknown) => {
      const problem = describeError(error);
      // Logged once per reason, not per attempt.
      if (problem !== told) this.#log.warn({ problem }, "the database is not ready, trying again");
      told = problem;
    };
    await untilSuccess(() => this.#migrate(), { signal, onFailure });
    await Promise.all(Array.from({ length: this.#idle }, () => this.#pool.query("select pg_sleep(0.1)")));
    this.#log.info("the database is ready");
  }

  /** Throws unless the database answers and has our tables; recreates them if the database was replaced. */
  async ping(): Promise<void> {
    const { rows } = await this.#pool.query<{ papers: string | null }>("select to_regclass('papers') as papers");
    if (!this.#isPrepared || rows[0]?.papers === null) await this.#migrate();
  }

  /** Runs one statement and returns its rows. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw new DatabaseFailure(error);
    }
  }

  /** Runs the work in one transaction, rolled back if it throws. */
  async transaction<Result>(work: (client: Queryable) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw new DatabaseFailure(error);
    });
    let broken: Error | undefined;
    try {
      await client.query("begin");
      const result = await work(client);
      await client.query("commit");
      return result;
    } catch (error) {
      // If this fails too, the connection is gone and the transaction with it.
      await client.query("rollback").catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** Four roles start at once: the lock lets one create the schema while the others wait. */
  async #migrate(): Promise<void> {
    await this.transaction(async (client) => {
      await client.query("select pg_advisory_xact_lock($1)", [LOCKS.migration]);
      const { rows } = await client.query<{ name: string }>("select extname as name from pg_extension");
      const missing = EXTENSIONS.filter((name) => !rows.some((row) => row.name === name));
      if (missing.length > 0) {
        throw new Error(
          `the database lacks the extensions ${missing.join(", ")}: its administrator has to create them`,
        );
      }
      await client.query(MIGRATION);
    });
    this.#isPrepared = true;
  }
}
