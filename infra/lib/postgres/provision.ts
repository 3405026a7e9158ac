import pg from "pg";
import { loginRole } from "../credentials.ts";
import { adminRole, scramVerifier } from "./connect.ts";

/** A role that may log in to a database. */
export interface DatabaseLogin {
  readonly role: string;
  readonly password: string;
}

/** A database that is wanted, with the role of the same name that owns it. */
export interface WantedDatabase {
  readonly name: string;
  /** Of its two roles those that may log in: more than one while an old password still works. */
  readonly logins: readonly DatabaseLogin[];
}

/** What each role that logs in may take. */
export interface RoleLimits {
  readonly connections: number;
  /** How long a statement may run, in seconds, unless the session says otherwise; 0: no limit. */
  readonly statementSeconds: number;
  /** How long a transaction may wait for its client, in seconds, unless the session says otherwise; 0: no limit. */
  readonly idleInTransactionSeconds: number;
}

/** All provisioning takes this lock in database `postgres`: concurrent changes to one catalogue row fail otherwise. */
export const advisoryLock = 7_846_001;

/** What new databases are copies of; no project has this name. */
export const template = "project-template";

const { escapeIdentifier: identifier, escapeLiteral: literal } = pg;

/** The roles of a database: the first one owns it and all in it; they take turns at logging in. */
export function rolesOf(database: string): [owner: string, other: string] {
  return [loginRole(database, 1), loginRole(database, 2)];
}

/** Settings of a role by which its sessions begin. */
export function roleSettings(role: string, database: string, limits: RoleLimits): Record<string, string> {
  return {
    statement_timeout: `${limits.statementSeconds}s`,
    idle_in_transaction_session_timeout: `${limits.idleInTransactionSeconds}s`,
    // What it makes belongs to the owner, like everything else.
    ...(role === database ? {} : { role: database }),
  };
}

/** A project may hold a lock for as long as it likes; provisioning does not wait for it with all others behind it. */
export const lockTimeout = "set lock_timeout = '10s'";

/** Has a role of `pg_roles` a right that no role of a database may have? */
export const isPrivileged = "rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls";

/** Is a row of `pg_auth_members` a membership of one of these roles in any other but the owner of its own database? */
export function isForeign(roles: string): string {
  return `pg_get_userbyid(member) = any(${roles}) and pg_get_userbyid(member) <> pg_get_userbyid(roleid) || '-b'`;
}

/** Makes the roles and the database what they are wanted to be, as {@link adminRole} in database `postgres`. */
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
  // The owner may have changed all of these; what is a template or takes no connection would be in no dump.
  await client.query(`alter database ${database} with allow_connections true is_template false connection limit -1;
    revoke all on database ${database} from public; grant all on database ${database} to ${database}`);
}

/**
 * Of the roles that provisioning has made or taken over those that may log in, though they are not of these databases:
 * in `pg_roles`, where `$1` are the roles of these databases.
 */
export const isForgotten = `rolcanlogin and rolname <> all($1) and exists (
  select from pg_auth_members where roleid = pg_roles.oid and admin_option and pg_get_userbyid(member) = ${literal(adminRole)})`;

/** Keeps out the roles of all other databases, which lose nothing: who is wanted again can log in again. */
export async function closeOthers(client: pg.Client, databases: readonly string[]): Promise<void> {
  const wanted = databases.flatMap(rolesOf);
  const { rows } = await client.query<{ rolname: string }>(`select rolname from pg_roles where ${isForgotten}`, [
    wanted,
  ]);
  const forgotten = rows.map(({ rolname }) => rolname);
  for (const role of forgotten) await client.query(`alter role ${identifier(role)} with nologin password null`);
  await endSessions(client, forgotten);
}

/** Ends the sessions of roles that may not log in any more, or not as they have: no such change ends one by itself. */
export async function endSessions(client: pg.Client, roles: readonly string[]): Promise<void> {
  await client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = any($1)", [roles]);
}

function roleStatements({ name, logins }: WantedDatabase, known: readonly string[], limits: RoleLimits): string[] {
  return rolesOf(name).flatMap((role) => {
    const login = logins.find((one) => one.role === role);
    const isKnown = known.includes(role);
    if (!isKnown && login === undefined && role !== name) return [];
    const quoted = identifier(role);
    const settings = Object.entries(roleSettings(role, name, limits));
    return [
      ...(isKnown ? [] : [`create role ${quoted}`]),
      login === undefined
        ? `alter role ${quoted} with nologin password null`
        : `alter role ${quoted} with login connection limit ${limits.connections} password ${literal(scramVerifier(login.password))}`,
      ...(role === name ? [] : [`grant ${identifier(name)} to ${quoted} with inherit true, set true`]),
      ...settings.map(([setting, value]) => `alter role ${quoted} set ${setting} = ${literal(value)}`),
    ];
  });
}
