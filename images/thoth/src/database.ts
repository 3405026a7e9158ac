import { readFileSync } from "node:fs";
import pg from "pg";
import { describeError } from "./errors.ts";
import type { Log } from "./log.ts";
import { untilSuccess } from "./retry.ts";
import { EXTENSIONS, MIGRATION, SCHEMA } from "./schema.ts";

/** Numbers of our advisory locks; any would do, as long as all programs use the same. */
export const LOCKS = { migration: 7_104_310, agent: 7_104_311 } as const;

/** The database did not take a statement; callers of the API are told to come back later. */
export class DatabaseFailure extends Error {
  override readonly name = "DatabaseFailure";
  readonly statusCode = 503;

  constructor(cause: unknown) {
    super(`the database did not answer: ${describeError(cause)}`, { cause });
  }
}

/** What a transaction's work may do. */
export type Queryable = Pick<pg.ClientBase, "query">;

/** The connection to Postgres: its pool, its schema, and whether both are there. */
export class Database {
  readonly #pool: pg.Pool;
  readonly #log: Log;
  #isPrepared = false;

  /** @param authority file of the authority that the server's certificate is of; without one any certificate will do */
  constructor(url: string, authority: string | undefined, log: Log) {
    this.#log = log;
    this.#pool = new pg.Pool({
      connectionString: url,
      ssl: authority === undefined ? { rejectUnauthorized: false } : { ca: readFileSync(authority, "utf8") },
      application_name: "thoth-stand-in",
      max: 5,
      connectionTimeoutMillis: 2000,
      query_timeout: 10_000,
      keepAlive: true,
      // `public` holds the extensions' types and functions.
      options: `-c search_path=${SCHEMA},public`,
    });
    // An idle connection that Postgres closes (a restart, a failover) is an event of the pool; unheard it ends the process.
    this.#pool.on("error", (error) => log.warn({ problem: describeError(error) }, "a database connection was lost"));
  }

  /** Waits for the database and makes the schema, however long that takes. */
  async prepare(signal: AbortSignal): Promise<void> {
    let told = "";
    const onFailure = (error: unknown) => {
      const problem = describeError(error);
      // Told once for each new reason, not once for each attempt.
      if (problem !== told) this.#log.warn({ problem }, "the database is not ready, trying again");
      told = problem;
    };
    await untilSuccess(() => this.#migrate(), { signal, onFailure });
    this.#log.info("the database is ready");
  }

  /** Throws unless the database answers and has our tables; makes them again where the database was replaced. */
  async ping(): Promise<void> {
    const { rows } = await this.#pool.query<{ papers: string | null }>("select to_regclass('papers') as papers");
    if (!this.#isPrepared || rows[0]?.papers === null) await this.#migrate();
  }

  /** Runs one statement and gives its rows. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    try {
      return (await this.#pool.query<Row>(text, values)).rows;
    } catch (error) {
      throw new DatabaseFailure(error);
    }
  }

  /** Runs the work in one transaction, which a throw rolls back. */
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
      // Where even that fails the connection is gone, and the transaction with it.
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

  /** Four roles start at once: the lock lets one make the schema while the others wait and then find it made. */
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
