import pg from "pg";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { type PostgresLogin, withPostgres } from "../lib/postgres.ts";

/** Inputs of the ProjectDatabase resource. */
export interface DatabaseInputs {
  readonly host: string;
  readonly port: number;
  readonly adminPassword: string;
  /** Name of the database and of the role that owns it. */
  readonly database: string;
  readonly password: string;
  readonly connectionLimit: number;
  readonly extensions: string[];
}

const adminRole = "postgres";
/** All provisioning takes this lock in database `postgres`: concurrent changes to one catalogue row fail otherwise. */
const advisoryLock = 7_846_001;

/**
 * One database with a role of its own: made when missing, adopted when there, brought to the wanted state otherwise.
 *
 * It never drops anything: deleting the resource leaves the data for the next `up`. A changed password takes effect
 * for new connections, without a restart.
 */
const provider = convergingProvider<DatabaseInputs, object>({
  id: (inputs) => inputs.database,
  replaceOn: ["database"],
  isCurrent: async (olds, news) =>
    haveSame(olds, news, ["host", "port", "password", "connectionLimit", "extensions"]) && (await isProvisioned(news)),
  ensure: ensureDatabase,
});
export default provider;

/** True when the role can log in to its database and finds its extensions there. */
async function isProvisioned(inputs: DatabaseInputs): Promise<boolean> {
  try {
    return await withPostgres({ ...inputs, user: inputs.database }, async (client) => {
      const { rows } = await client.query<{ extname: string }>("select extname from pg_extension");
      return inputs.extensions.every((name) => rows.some((row) => row.extname === name));
    });
  } catch {
    // Whatever kept the role out, the update says it better than a diff could.
    return false;
  }
}

async function ensureDatabase(inputs: DatabaseInputs): Promise<void> {
  const login = (database: string): PostgresLogin => ({
    host: inputs.host,
    port: inputs.port,
    user: adminRole,
    password: inputs.adminPassword,
    database,
  });
  await withPostgres(login("postgres"), async (client) => {
    await client.query("select pg_advisory_lock($1)", [advisoryLock]);
    await ensureRole(client, inputs);
    await ensureOwnDatabase(client, inputs.database);
    await closeSharedDatabases(client);
  });
  await withPostgres(login(inputs.database), async (client) => {
    for (const extension of inputs.extensions) {
      await client.query(`create extension if not exists ${pg.escapeIdentifier(extension)}`);
    }
    // Clusters made before Postgres 15 let everyone create tables in public.
    await client.query("revoke create on schema public from public");
  });
}

async function ensureRole(client: pg.Client, { database, password, connectionLimit }: DatabaseInputs): Promise<void> {
  const role = pg.escapeIdentifier(database);
  const { rowCount } = await client.query("select from pg_roles where rolname = $1", [database]);
  await client.query(
    `${rowCount === 0 ? "create" : "alter"} role ${role} with login nosuperuser nocreatedb nocreaterole noreplication ` +
      `nobypassrls connection limit ${connectionLimit} password ${pg.escapeLiteral(password)}`,
  );
}

async function ensureOwnDatabase(client: pg.Client, name: string): Promise<void> {
  const identifier = pg.escapeIdentifier(name);
  const { rowCount } = await client.query("select from pg_database where datname = $1", [name]);
  await client.query(
    rowCount === 0
      ? `create database ${identifier} owner ${identifier}`
      : `alter database ${identifier} owner to ${identifier}`,
  );
  await client.query(`revoke all on database ${identifier} from public`);
}

/** Every role may connect to `postgres` and `template1` by default; a project's role has no business there. */
async function closeSharedDatabases(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ datname: string }>(
    `select datname from pg_database
     where datname in ('postgres', 'template1') and has_database_privilege('public', oid, 'connect')`,
  );
  for (const { datname } of rows) {
    await client.query(`revoke all on database ${pg.escapeIdentifier(datname)} from public`);
  }
}
