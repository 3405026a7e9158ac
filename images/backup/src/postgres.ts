import pg from "pg";
import { paths } from "./contract.ts";

/** Which database, and the folder of the server's socket. */
export interface Place {
  /** Default: postgres. */
  readonly database?: string;
  /** Default: the stack's own server. */
  readonly socket?: string;
}

/** What work on a connection needs of it. */
export type Client = Pick<pg.Client, "query">;

/** Runs `work` on a new connection as Postgres' superuser, and always closes it. */
export async function withPostgres<Result>(
  work: (client: Client) => Promise<Result>,
  { database = "postgres", socket = paths.socket }: Place = {},
): Promise<Result> {
  const client = new pg.Client({
    host: socket,
    user: "postgres",
    database,
    connectionTimeoutMillis: 5000,
    application_name: "letta-backup",
  });
  // Without a listener, an error of an idle connection would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Something with a way to Postgres. */
interface Reaching {
  readonly postgres: typeof withPostgres;
}

/** The rows of one query. */
export async function rowsOf<Row extends pg.QueryResultRow>(
  { postgres }: Reaching,
  sql: string,
  values: readonly unknown[] = [],
  place: Place = {},
): Promise<Row[]> {
  return postgres(async (client) => (await client.query<Row>(sql, [...values])).rows, place);
}

/** Names of the databases that accept connections. */
export async function databaseNames(world: Reaching, socket?: string): Promise<string[]> {
  const rows = await rowsOf<{ datname: string }>(
    world,
    "select datname from pg_database where datallowconn and not datistemplate order by 1",
    [],
    socket === undefined ? {} : { socket },
  );
  return rows.map(({ datname }) => datname);
}

/** Letta's and the projects' databases: each is owned by the role of its name. Copies of them have other names. */
export async function ownDatabases(world: Reaching): Promise<string[]> {
  const rows = await rowsOf<{ datname: string }>(
    world,
    "select datname from pg_database where datallowconn and datname = pg_get_userbyid(datdba) and datname <> 'postgres' order by 1",
  );
  return rows.map(({ datname }) => datname);
}
