import pg from "pg";
import { paths } from "./paths.ts";

/** Runs `work` on one connection as Postgres' superuser over a socket, and closes it whatever happens. */
export async function withPostgres<Result>(
  work: (client: pg.Client) => Promise<Result>,
  { database = "postgres", socket = paths.socket as string } = {},
): Promise<Result> {
  const client = new pg.Client({
    host: socket,
    user: "postgres",
    database,
    connectionTimeoutMillis: 5000,
    application_name: "letta-backup",
  });
  // An error of an idle connection is an event; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Names of the databases that a client can connect to. */
export async function databaseNames(socket: string = paths.socket): Promise<string[]> {
  return withPostgres(
    async (client) => {
      const { rows } = await client.query<{ datname: string }>(
        "select datname from pg_database where datallowconn and not datistemplate order by datname",
      );
      return rows.map(({ datname }) => datname);
    },
    { socket },
  );
}

/** Names of Letta's and the projects' databases, which the roles of the same names own; copies of them have other names. */
export async function ownDatabases(): Promise<string[]> {
  return withPostgres(async (client) => {
    const { rows } = await client.query<{ datname: string }>(
      "select datname from pg_database where datallowconn and datname = pg_get_userbyid(datdba) and datname <> 'postgres' order by 1",
    );
    return rows.map(({ datname }) => datname);
  });
}
