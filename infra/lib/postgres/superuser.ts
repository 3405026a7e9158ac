import pg from "pg";
import { dockerOutput } from "../docker/engine.ts";
import { adminRole, scramVerifier } from "./connect.ts";
import { advisoryLock, isBehind, isForeign, isPrivileged, lockTimeout, rolesOf, template } from "./provision.ts";

const { escapeIdentifier: identifier, escapeLiteral: literal } = pg;

/** Runs SQL as the superuser, over the socket in Postgres' container. @throws with psql's message */
export async function asSuperuser(container: string, sql: string, database = "postgres"): Promise<void> {
  const flags = ["--no-psqlrc", "--quiet", "--no-password", "--username", "postgres", "--set", "ON_ERROR_STOP=1"];
  // A database's owner may have set a search path with functions of the same names.
  const script = `set search_path = pg_catalog; set client_min_messages = warning;\n${sql}`;
  const psql = ["psql", ...flags, "--output", "/dev/null", "--dbname", database];
  await dockerOutput(["exec", "--interactive", container, ...psql], { input: script });
}

/**
 * What needs the superuser: the role that does the rest, the template, and handing over these databases and roles if they
 * exist, made by hand or by an older version, without the rights that a project's role must not have.
 */
export function superuserScript(databases: readonly string[], adminPassword: string): string {
  const list = (names: readonly string[]) => `array[${names.map(literal).join(", ")}]::name[]`;
  const roles = list(databases.flatMap(rolesOf));
  const admin = identifier(adminRole);
  return `
select pg_advisory_lock(${advisoryLock});
${lockTimeout};
select ${literal(`create role ${admin}`)} where not exists (select from pg_roles where rolname = ${literal(adminRole)}) \\gexec
alter role ${admin} with login createdb createrole nosuperuser noreplication nobypassrls password ${literal(scramVerifier(adminPassword))};
-- Since Postgres 16 the creator of a role can grant it, and become it only with this.
alter role ${admin} set createrole_self_grant = 'set, inherit';
alter role postgres password null;
-- By default every role may connect to these.
revoke all on database postgres, template1 from public;
grant connect on database postgres to ${admin};
select ${literal(`create database ${identifier(template)} template template0 is_template true`)}
  where not exists (select from pg_database where datname = ${literal(template)}) \\gexec
revoke all on database ${identifier(template)} from public;
select format('alter role %I with nosuperuser nocreatedb nocreaterole noreplication nobypassrls', rolname)
  from pg_roles where rolname = any(${roles}) and (${isPrivileged}) \\gexec
select format('revoke %s from %s granted by %s cascade', roleid::regrole, member::regrole, grantor::regrole)
  from pg_auth_members where ${isForeign(roles)} \\gexec
select format('grant %I to ${admin} with admin true, inherit true, set true', rolname)
  from pg_roles where rolname = any(${roles}) \\gexec
select format('alter database %I owner to ${admin}', datname)
  from pg_database where datname = any(${list(databases)}) and pg_get_userbyid(datdba) <> datname \\gexec
`;
}

/** Adds to a database what only the superuser can add and is missing. */
export function contentScript(extensions: readonly string[]): string {
  return [
    `${lockTimeout};`,
    // Its owner may have dropped it together with the extensions.
    "create schema if not exists public;",
    // Rights as in new databases; before Postgres 15 everyone could create tables in public.
    "alter schema public owner to pg_database_owner;",
    "revoke create on schema public from public;",
    "grant usage on schema public to public;",
    ...extensions.map((name) => `create extension if not exists ${identifier(name)} schema public;`),
    // A newer image has newer functions, but a database gets them only by this.
    `select format('alter extension %I update', extname) from pg_extension
      where extname = any(array[${extensions.map(literal).join(", ")}]::name[]) and ${isBehind} \\gexec`,
  ].join("\n");
}
