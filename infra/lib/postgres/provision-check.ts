import type pg from "pg";
import { withPostgres } from "./connect.ts";
import {
  type DatabaseLogin,
  isBehind,
  isForeign,
  isForgotten,
  isPrivileged,
  type RoleLimits,
  roleSettings,
  rolesOf,
  type WantedDatabase,
} from "./provision.ts";

/** What the catalogue is compared with. */
export interface WantedCatalogue {
  readonly databases: readonly WantedDatabase[];
  readonly limits: RoleLimits;
  /** Other databases whose roles may log in; undefined: other roles are not checked. */
  readonly others?: readonly string[];
}

interface Catalogue {
  /** `closed`: its password is not valid. */
  readonly roles: Readonly<
    Record<string, { login: boolean; closed: boolean; limit: number; settings: string[] | null }>
  >;
  /** Those of the wanted databases that only their own role may enter. */
  readonly databases: readonly string[];
  readonly problems: number;
}

/** True when all roles and databases exist with their rights and limits. */
export async function isCatalogueCurrent(
  client: pg.Client,
  { databases, limits, others }: WantedCatalogue,
): Promise<boolean> {
  const names = databases.map(({ name }) => name);
  const { rows } = await client.query<Catalogue>(catalogueQuery, [names.flatMap(rolesOf), names]);
  const [found] = rows;
  if (others !== undefined && (await hasForgotten(client, [...names, ...others]))) return false;
  if (found === undefined || found.problems > 0 || found.databases.length < names.length) return false;
  return databases.every(({ name, logins, connections = limits.connections }) =>
    rolesOf(name).every((role) => {
      const known = found.roles[role];
      if (!logins.some((login) => login.role === role)) {
        return role === name ? known?.login === true && known.closed : known?.login !== true;
      }
      const settings = Object.entries(roleSettings(role, name, limits)).map(([key, value]) => `${key}=${value}`);
      return (
        known?.login === true &&
        !known.closed &&
        known.limit === connections &&
        settings.every((setting) => known.settings?.includes(setting))
      );
    }),
  );
}

async function hasForgotten(client: pg.Client, databases: readonly string[]): Promise<boolean> {
  const query = `select from pg_roles where ${isForgotten} limit 1`;
  return (await client.query(query, [databases.flatMap(rolesOf)])).rowCount !== 0;
}

const catalogueQuery = `
select
  (select coalesce(json_object_agg(rolname,
     json_build_object('login', rolcanlogin, 'closed', coalesce(rolvaliduntil = '-infinity', false),
       'limit', rolconnlimit, 'settings', rolconfig)), '{}')
   from pg_roles where rolname = any($1)) as roles,
  array(select datname::text from pg_database where datname = any($2) and pg_get_userbyid(datdba) = datname
        and datallowconn and not datistemplate and datconnlimit = -1
        and not has_database_privilege('public', oid, 'connect')) as databases,
  (select count(*) from pg_roles where rolname = any($1) and (${isPrivileged}))::int
  + (select count(*) from pg_auth_members where ${isForeign("$1")})::int
  + (select count(*) from pg_database where datname in ('postgres', 'template1')
     and has_database_privilege('public', oid, 'connect'))::int as problems`;

/** Where a database is, and the extensions that it should have. */
export interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly extensions: readonly string[];
}

/** True when the login's database has what only a superuser can add. @throws when the login does not work */
export async function hasContent(place: DatabasePlace, database: string, login: DatabaseLogin): Promise<boolean> {
  const { host, port, extensions } = place;
  try {
    const target = { host, port, database, user: login.role, password: login.password, options: ownSettings };
    return await withPostgres(target, async (client) => {
      const { rows } = await client.query<{ names: string[]; isUsual: boolean }>(contentQuery);
      const [found] = rows;
      return found?.isUsual === true && extensions.every((name) => found.names.includes(name));
    });
  } catch (error) {
    // Too many connections: the login works, and so does the database.
    if ((error as { code?: string }).code === "53300") return true;
    throw error;
  }
}

/** Overrides what the owner has set for its role and database. */
const ownSettings = "-c statement_timeout=10s -c search_path=pg_catalog";

/** Names: extensions in the image's version. Usual: the login works as the owner, who alone may create tables in `public`. */
const contentQuery = `
select array(select extname::text from pg_extension where not ${isBehind}) as names,
  current_user = current_database() and exists (
    select from pg_namespace where nspname = 'public' and pg_has_role(nspowner, 'usage')
    and not exists (select from aclexplode(nspacl) where grantee = 0 and privilege_type = 'CREATE')) as "isUsual"`;
