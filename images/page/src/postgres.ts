import pg from "pg";
import type { Settings } from "./contract.ts";

/** What Postgres is asked, and what it said last. */
export interface Counts {
  /** Database -> bytes. */
  readonly databaseBytes: Readonly<Record<string, number>>;
  /** Project -> number. */
  readonly agents: Readonly<Record<string, number>>;
  /** Project -> number, as of the last time that they were counted. */
  readonly messages: Readonly<Record<string, number>>;
}

/** Counting messages takes the longer the more there are: this share of the time at most, at least a minute apart. */
const mostOfTheTime = 1 / 100;
const leastApart = 60_000;

/** Asks Postgres as a role that may read three columns and the sizes of databases. */
export class Counter {
  #messages: { byUser: Readonly<Record<string, number>>; next: number } = { byUser: {}, next: 0 };

  /** @throws when Postgres does not answer */
  async count({ database, projects }: Settings): Promise<Counts> {
    const client = new pg.Client({
      ...{ host: "letta-postgres", database: "letta", ...database, application_name: "letta-page" },
      // Its authority is Postgres' own, and SCRAM proves that the server knows the password.
      ...{ ssl: { rejectUnauthorized: false }, connectionTimeoutMillis: 8000, query_timeout: 30_000 },
    });
    // An idle connection's error is an event, which without a listener ends the process.
    client.on("error", () => {});
    await client.connect();
    try {
      const sizes = await numbers(client, sizeQuery, [["letta", ...Object.keys(projects)]]);
      const users = Object.values(projects);
      const agents = await numbers(client, countQuery("agents"), [users]);
      if (Date.now() >= this.#messages.next) {
        const started = Date.now();
        const byUser = await numbers(client, countQuery("messages"), [users]);
        this.#messages = { byUser, next: Date.now() + Math.max(leastApart, (Date.now() - started) / mostOfTheTime) };
      }
      return {
        databaseBytes: sizes,
        agents: ofProjects(projects, agents),
        messages: ofProjects(projects, this.#messages.byUser),
      };
    } finally {
      await client.end();
    }
  }
}

const sizeQuery = `select datname as name, pg_database_size(oid) as value from pg_database
  where datname = any($1) and has_database_privilege(oid, 'connect') order by array_position($1, datname::text)`;

/** As Letta counts: what belongs to the organization of a user. */
const countQuery = (table: "agents" | "messages") => `select users.id as name, count(counted.organization_id) as value
  from users left join ${table} as counted using (organization_id) where users.id = any($1) group by users.id`;

async function numbers(client: pg.Client, query: string, values: unknown[]): Promise<Record<string, number>> {
  const { rows } = await client.query<{ name: string; value: string }>(query, values);
  return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
}

function ofProjects(projects: Settings["projects"], byUser: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(projects).flatMap(([project, user]) => (user in byUser ? [[project, byUser[user] as number]] : [])),
  );
}

/** True for an error with which a Postgres that works answers: no such role, no right, too slow. */
export function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code !== undefined && !error.code.startsWith("57P");
}
