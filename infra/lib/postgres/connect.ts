import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import pg from "pg";

/** The role that creates and changes roles and databases; not a superuser. */
export const adminRole = "letta_admin";

/** Where and as whom to connect. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Settings as on the server's command line; they override those of the role and of the database. */
  readonly options?: string;
}

/**
 * Postgres takes passwords only over TLS. Its certificate is not verified: its authority is Postgres' own, the connection
 * is over this host's loopback, and SCRAM proves that the server knows the password.
 */
const ssl: pg.ClientConfig["ssl"] = { rejectUnauthorized: false };

/**
 * Runs `work` on one connection, given by its URL or its parts, and closes it in any case.
 *
 * Connecting times out after 5 s; with `timeoutSeconds`, connecting and each query after those.
 */
export async function withPostgres<Result>(
  login: PostgresLogin | string,
  work: (client: pg.Client) => Promise<Result>,
  { timeoutSeconds }: { readonly timeoutSeconds?: number } = {},
): Promise<Result> {
  const target = typeof login === "string" ? { connectionString: login } : login;
  const client = new pg.Client({
    ...target,
    ...{ ssl, application_name: "thoth-letta", connectionTimeoutMillis: (timeoutSeconds ?? 5) * 1000 },
    ...(timeoutSeconds === undefined ? {} : { query_timeout: timeoutSeconds * 1000 }),
  });
  // An idle connection's error is an event, which without a listener ends the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * A password as Postgres stores it (RFC 5803), for `alter role … password`: so the password is in no statement, and in no
 * log of a failed one. For ASCII passwords only, which need no SASLprep.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
