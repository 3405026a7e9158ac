import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import pg from "pg";

/** The role that makes and changes roles and databases; it is no superuser. */
export const adminRole = "letta_admin";

/** Where and as whom to connect. */
export interface PostgresLogin {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Settings as on the server's command line; they come before those of the role and of the database. */
  readonly options?: string;
}

/**
 * TLS, without which Postgres takes no password. The certificate is not verified: it is of an authority that Postgres made
 * for itself, on the volume in its container, and the way there is this host's own loopback. SCRAM proves besides that
 * the other side knows the password.
 */
const ssl: pg.ClientConfig["ssl"] = { rejectUnauthorized: false };

/** Runs `work` on one connection, given by its URL or its parts, and closes it whatever happens. Connecting gives up after 5 s. */
export async function withPostgres<Result>(
  login: PostgresLogin | string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const target = typeof login === "string" ? { connectionString: login } : login;
  const client = new pg.Client({ ...target, ssl, connectionTimeoutMillis: 5000, application_name: "thoth-letta" });
  // An error of an idle connection is an event; without a listener it would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/**
 * A password as Postgres keeps it (RFC 5803), for `alter role … password`: made here, it is in no statement, and so in no
 * log of one that failed. Right for passwords of ASCII, which need no SASLprep.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  const serverKey = hmac("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
