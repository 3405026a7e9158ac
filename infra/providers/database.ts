import type pg from "pg";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { UserError } from "../lib/errors.ts";
import { adminRole, withPostgres } from "../lib/postgres.ts";
import {
  advisoryLock,
  asSuperuser,
  closeOthers,
  contentScript,
  type DatabaseLogin,
  endSessions,
  isForeign,
  isForgotten,
  isPrivileged,
  lockTimeout,
  provisionDatabase,
  type RoleLimits,
  roleSettings,
  rolesOf,
  superuserScript,
  template,
  type WantedDatabase,
} from "../lib/provisioning.ts";

/** Inputs of a Databases resource. */
export interface DatabaseInputs {
  readonly host: string;
  readonly port: number;
  /** Docker name of Postgres' container. */
  readonly container: string;
  readonly adminPassword: string;
  readonly databases: WantedDatabase[];
  readonly limits: RoleLimits;
  readonly extensions: string[];
  /** Databases of other resources. Where they are named, the roles of all further databases can no longer log in. */
  readonly others?: string[];
}

/** Sessions that the looks at many databases have open at a time. */
const sessions = 4;

/**
 * Databases with roles of their own: made when missing, adopted when there, brought to the wanted state otherwise.
 *
 * It never drops anything: what is no longer wanted is left for the day it is wanted again. A changed password takes
 * effect for new connections, without a restart. One resource has many of them, as each resource makes every update longer.
 */
const provider = convergingProvider<DatabaseInputs, object>({
  id: () => "databases",
  isCurrent: async (olds, news) =>
    haveSame(olds, news, [
      "host",
      "port",
      "container",
      "adminPassword",
      "databases",
      "limits",
      "extensions",
      "others",
    ]) && (await isProvisioned(news)),
  ensure,
});
export default provider;

async function isProvisioned(inputs: DatabaseInputs): Promise<boolean> {
  try {
    if (!(await asAdmin(inputs, (client) => isCatalogueCurrent(client, inputs)))) return false;
    const logins = inputs.databases.flatMap(({ name, logins }) => logins.map((login) => ({ name, login })));
    const found = await few(logins, ({ name, login }) => hasContent(inputs, name, login));
    return found.every((isThere) => isThere);
  } catch {
    // Whatever kept a role out, the update says it better than a diff could.
    return false;
  }
}

async function ensure(inputs: DatabaseInputs): Promise<void> {
  const { container, databases, extensions } = inputs;
  const names = databases.map(({ name }) => name);
  await asSuperuser(container, superuserScript(names, inputs.adminPassword));
  await asAdmin(inputs, async (client) => {
    await client.query("select pg_advisory_lock($1)", [advisoryLock]);
    await client.query(lockTimeout);
    await asSuperuser(container, contentScript(extensions), template);
    const failures: string[] = [];
    for (const database of databases) {
      try {
        await ensureDatabase(client, inputs, database);
      } catch (error) {
        // The others are not to suffer from what one project did to its database.
        failures.push(`database ${database.name}: ${(error as Error).message}`);
      }
    }
    if (inputs.others !== undefined) await closeOthers(client, [...names, ...inputs.others]);
    if (failures.length === 0) return;
    const mend = `docker exec -it ${container} psql -U postgres, then \`make letta-start\``;
    throw new UserError(`not every database could be made as it should be:\n    ${failures.join("\n    ")}`, mend);
  });
}

async function ensureDatabase(client: pg.Client, inputs: DatabaseInputs, database: WantedDatabase): Promise<void> {
  const { name, logins } = database;
  const outdated: string[] = [];
  for (const login of logins) if (await hasOtherPassword(inputs, name, login)) outdated.push(login.role);
  await provisionDatabase(client, database, inputs.limits);
  const closed = rolesOf(name).filter((role) => !logins.some((login) => login.role === role));
  await endSessions(client, [...closed, ...outdated]);
  await ensureContent(inputs, database);
}

async function hasOtherPassword(inputs: DatabaseInputs, database: string, login: DatabaseLogin): Promise<boolean> {
  try {
    await hasContent(inputs, database, login);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "28P01";
  }
}

async function ensureContent(inputs: DatabaseInputs, { name, logins }: WantedDatabase): Promise<void> {
  const [login] = logins;
  if (login === undefined || (await hasContent(inputs, name, login))) return;
  await asSuperuser(inputs.container, contentScript(inputs.extensions), name);
}

function asAdmin<Result>(
  { host, port, adminPassword }: DatabaseInputs,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  return withPostgres({ host, port, user: adminRole, password: adminPassword, database: "postgres" }, work);
}

/** True when the login works and its database has what only a superuser puts into it. @throws when the login does not work */
async function hasContent(inputs: DatabaseInputs, database: string, login: DatabaseLogin): Promise<boolean> {
  const { host, port, extensions } = inputs;
  try {
    const target = { host, port, database, user: login.role, password: login.password, options: ownSettings };
    return await withPostgres(target, async (client) => {
      const { rows } = await client.query<{ names: string[]; isUsual: boolean }>(contentQuery);
      const [found] = rows;
      return found?.isUsual === true && extensions.every((name) => found.names.includes(name));
    });
  } catch (error) {
    // It was let in, and has all its connections in use: then it has what it needs.
    if ((error as { code?: string }).code === "53300") return true;
    throw error;
  }
}

/** Whatever the owner has set for its role and its database. */
const ownSettings = "-c statement_timeout=10s -c search_path=pg_catalog";

/** Usual: whoever logs in works as the owner, who may make tables in `public`, and nobody else. */
const contentQuery = `
select array(select extname::text from pg_extension) as names,
  current_user = current_database() and exists (
    select from pg_namespace where nspname = 'public' and pg_has_role(nspowner, 'usage')
    and not exists (select from aclexplode(nspacl) where grantee = 0 and privilege_type = 'CREATE')) as "isUsual"`;

interface Catalogue {
  readonly roles: Readonly<Record<string, { login: boolean; limit: number; settings: string[] | null }>>;
  /** Of the wanted databases those that their own role has, and nobody else. */
  readonly databases: readonly string[];
  readonly problems: number;
}

/** Are all roles and databases there, with the rights and limits that they should have? */
async function isCatalogueCurrent(client: pg.Client, { databases, limits, others }: DatabaseInputs): Promise<boolean> {
  const names = databases.map(({ name }) => name);
  const { rows } = await client.query<Catalogue>(catalogueQuery, [names.flatMap(rolesOf), names]);
  const [found] = rows;
  if (others !== undefined && (await hasForgotten(client, [...names, ...others]))) return false;
  if (found === undefined || found.problems > 0 || found.databases.length < names.length) return false;
  return databases.every(({ name, logins }) =>
    rolesOf(name).every((role) => {
      const known = found.roles[role];
      if (!logins.some((login) => login.role === role)) return known?.login !== true;
      const settings = Object.entries(roleSettings(role, name, limits)).map(([key, value]) => `${key}=${value}`);
      return (
        known?.login === true &&
        known.limit === limits.connections &&
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
     json_build_object('login', rolcanlogin, 'limit', rolconnlimit, 'settings', rolconfig)), '{}')
   from pg_roles where rolname = any($1)) as roles,
  array(select datname::text from pg_database where datname = any($2) and pg_get_userbyid(datdba) = datname
        and datallowconn and not datistemplate and datconnlimit = -1
        and not has_database_privilege('public', oid, 'connect')) as databases,
  (select count(*) from pg_roles where rolname = any($1) and (${isPrivileged}))::int
  + (select count(*) from pg_auth_members where ${isForeign("$1")})::int
  + (select count(*) from pg_database where datname in ('postgres', 'template1')
     and has_database_privilege('public', oid, 'connect'))::int as problems`;

/** Does a piece of work for each item, for some of them at a time. @throws the first error, when the others have ended */
async function few<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: sessions }, worker));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  return results;
}
