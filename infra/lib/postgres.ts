import pg from "pg";

/** Where and as whom to connect. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Runs `work` on one connection, given by its URL or its parts, and closes it whatever happens. Connecting gives up after 5 s. */
export async function withPostgres<Result>(
  login: PostgresLogin | string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const target = typeof login === "string" ? { connectionString: login } : login;
  const client = new pg.Client({ ...target, connectionTimeoutMillis: 5000, application_name: "thoth-letta" });
  // An error of an idle connection is an event; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
