import pg from "pg";
import { loginRole } from "../credentials.ts";
import { adminRole, scramVerifier } from "./connect.ts";

/** A role that may log in to a database. */
export interface DatabaseLogin {
  readonly role: string;
  readonly password: string;
}

/** A database and the role of the same name that owns it. */
export interface WantedDatabase {
  readonly name: string;
  /** Those of its two roles that may log in; both during an overlap. */
  readonly logins: readonly DatabaseLogin[];
  /** Default: the one of {@link RoleLimits}. */
  readonly connections?: number;
}

/** Limits of each role that logs in. */
export interface RoleLimits {
  readonly connections: number;
  /** Longest statement, in seconds, unless the session sets another; 0: no limit. */
  readonly statementSeconds: number;
  /** How long a transaction may wait for its client, in seconds, unless the session sets another; 0: no limit. */
  readonly idleInTransactionSeconds: number;
}

/** Key of the lock that provisioning takes in database `postgres`: concurrent changes of one catalogue row fail. */
export const advisoryLock = 7_846_001;

/** The template of new databases; no project can have this name. */
export const template = "project-template";

const { escapeIdentifier: identifier, escapeLiteral: literal } = pg;

/** The roles of a database: the first owns it and everything in it; they alternate as login. */
export function rolesOf(database: string): [owner: string, other: string] {
  return [loginRole(database, 1), loginRole(database, 2)];
}

/** Settings with which a role's sessions begin. */
export function roleSettings(role: string, database: string, limits: RoleLimits): Record<string, string> {
  return {
    statement_timeout: `${limits.statementSeconds}s`,
    idle_in_transaction_session_timeout: `${limits.idleInTransactionSeconds}s`,
    // So that the owner owns what it creates.
    ...(role === database ? {} : { role: database }),
  };
}

/**
 * The owner while only the other role's password is valid: over the network nobody logs in as it, since it has none, and over
 * the socket `docker exec letta-postgres psql -U letta` goes on. The date is what provisioning, which may not read passwords,
 * sees of that.
 */
const closedOwner = "login password null valid until '-infinity'";

/** A project may hold a lock for any time; provisioning must not wait for it while all other projects wait. */
export const lockTimeout = "set lock_timeout = '10s'";

/** SQL on `pg_extension`: Postgres' image has a newer version, and a way to it. */
export const isBehind = `exists (
  select from pg_available_extensions, pg_extension_update_paths(extname)
  where name = extname and source = extversion and target = default_version and source <> target and path is not null)`;

/** SQL: a role of `pg_roles` has a right that no database's role may have. */
export const isPrivileged = "rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls";

/** SQL: a row of `pg_auth_members` makes one of these roles a member of another one than its database's owner. */
export function isForeign(roles: string): string {
  return `pg_get_userbyid(member) = any(${roles}) and pg_get_userbyid(member) <> pg_get_userbyid(roleid) || '-b'`;
}

/** Brings roles and database to their wanted state, as {@link adminRole} in database `postgres`. */
export async function provisionDatabase(client: pg.Client, wanted: WantedDatabase, limits: RoleLimits): Promise<void> {
  const { name } = wanted;
  const { rows } = await client.query<{ rolname: string }>("select rolname from pg_roles where rolname = any($1)", [
    rolesOf(name),
  ]);
  const known = rows.map(({ rolname }) => rolname);
  await client.query(roleStatements(wanted, known, limits).join(";\n"));
  const found = await client.query<{ owner: string }>(
    "select pg_get_userbyid(datdba) as owner from pg_database where datname = $1",
    [name],
  );
  const database = identifier(name);
  const owner = found.rows[0]?.owner;
  if (owner === undefined) {
    await client.query(`create database ${database} owner ${database} template ${identifier(template)}`);
  } else if (owner !== name) await client.query(`alter database ${database} owner to ${database}`);
  // The owner may have changed all of these; a dump leaves out templates and databases without connections.
  await client.query(`alter database ${database} with allow_connections true is_template false connection limit -1;
    revoke all on database ${database} from public; grant all on database ${database} to ${database}`);
}

/** SQL on `pg_roles`: a role that provisioning created or adopted may log in, but is none of these databases' roles, `$1`. */
export const isForgotten = `rolcanlogin and rolname <> all($1) and exists (
  select from pg_auth_members where roleid = pg_roles.oid and admin_option and pg_get_userbyid(member) = ${literal(adminRole)})`;

/** Locks the roles of all other databases out; they lose nothing else. */
export async function closeOthers(client: pg.Client, databases: readonly string[]): Promise<void> {
  const wanted = databases.flatMap(rolesOf);
  const { rows } = await client.query<{ rolname: string }>(`select rolname from pg_roles where ${isForgotten}`, [
    wanted,
  ]);
  const forgotten = rows.map(({ rolname }) => rolname);
  for (const role of forgotten) await client.query(`alter role ${identifier(role)} with nologin password null`);
  await endSessions(client, forgotten);
}

/** Ends sessions of roles whose login was revoked or changed, which Postgres does not do itself. */
export async function endSessions(client: pg.Client, roles: readonly string[]): Promise<void> {
  await client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = any($1)", [roles]);
}

function roleStatements(wanted: WantedDatabase, known: readonly string[], limits: RoleLimits): string[] {
  const { name, logins, connections = limits.connections } = wanted;
  return rolesOf(name).flatMap((role) => {
    const login = logins.find((one) => one.role === role);
    const isKnown = known.includes(role);
    if (!isKnown && login === undefined && role !== name) return [];
    const quoted = identifier(role);
    const settings = Object.entries(roleSettings(role, name, limits));
    return [
      ...(isKnown ? [] : [`create role ${quoted}`]),
      login === undefined
        ? `alter role ${quoted} with ${role === name ? closedOwner : "nologin password null"}`
        : `alter role ${quoted} with login connection limit ${connections} password ${literal(scramVerifier(login.password))} valid until 'infinity'`,
      ...(role === name ? [] : [`grant ${identifier(name)} to ${quoted} with inherit true, set true`]),
      ...settings.map(([setting, value]) => `alter role ${quoted} set ${setting} = ${literal(value)}`),
    ];
  });
}
