import type { Deps } from "./deps.ts";
import { identifier, literal, psql, psqlToTheEnd } from "./psql.ts";

/** A database that replaces another one. */
export interface Swap {
  readonly database: string;
  /** Gets that name. If it does not exist, an earlier run did the swap. */
  readonly incoming: string;
  /** The name under which the present database is kept. */
  readonly kept: string;
}

/** Names of a cluster's databases, without the templates. */
export function listDatabases(deps: Deps, container: string): Promise<string[]> {
  return psql(deps, container, "select datname from pg_database where not datistemplate order by 1");
}

/** Creates a database as provisioning does: the role owns it, and nobody else may connect. */
export async function createDatabase(deps: Deps, container: string, database: string, role: string): Promise<void> {
  const [name, owner] = [identifier(database), identifier(role)];
  await psql(deps, container, `create database ${name} owner ${owner} template template0`);
  await psql(deps, container, `revoke all on database ${name} from public`);
}

/** Drops a database, if it exists, and ends its sessions. */
export async function dropDatabase(deps: Deps, container: string, name: string): Promise<void> {
  await psql(deps, container, `drop database if exists ${identifier(name)} with (force)`);
}

/**
 * Swaps all of these databases or none. A killed run can be repeated.
 *
 * Clients lose their connections and reconnect to the other database under the same name.
 */
export async function swapDatabases(deps: Deps, container: string, swaps: readonly Swap[]): Promise<void> {
  const there = await listDatabases(deps, container);
  const due = swaps.filter(({ incoming }) => there.includes(incoming));
  const replaced = due.map(({ database }) => database).filter((name) => there.includes(name));
  try {
    if (due.length > 0) {
      await psqlToTheEnd(deps, container, [
        // Applications reconnect at once, and a database in use cannot be renamed.
        ...replaced.map((name) => `alter database ${identifier(name)} with allow_connections false`),
        ...due.flatMap(({ database, incoming }) => [database, incoming].map(disconnect)),
        // One command is one transaction.
        due
          .flatMap(({ database, incoming, kept }) => [
            ...(replaced.includes(database) ? [rename(database, kept)] : []),
            rename(incoming, database),
          ])
          .join("; "),
      ]);
    }
  } finally {
    const names = swaps.flatMap(({ database, kept }) => [database, kept]);
    for (const name of await listDatabases(deps, container)) {
      if (names.includes(name))
        await psql(deps, container, `alter database ${identifier(name)} with allow_connections true`);
    }
  }
}

const rename = (from: string, to: string) => `alter database ${identifier(from)} rename to ${identifier(to)}`;

/** A statement that ends a database's sessions and waits until they have ended. */
export function disconnect(database: string): string {
  return `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = ${literal(database)} and pid <> pg_backend_pid()`;
}

/** Lists are stored as SQL; all other settings are stored as text. */
const listSettings = "'search_path', 'session_preload_libraries', 'local_preload_libraries', 'temp_tablespaces'";

/**
 * Copies a database's settings (`alter database … set`, `alter role … in database … set`), which are in neither a dump nor a
 * template.
 */
export async function copySettings(deps: Deps, container: string, from: string, to: string): Promise<void> {
  const statements = `
select format(
  'alter %s %s set %I = %s',
  case when setrole = 0 then 'database' else format('role %s in database', setrole::regrole::text) end, ${literal(identifier(to))},
  name, case when name in (${listSettings}) then value else quote_literal(value) end)
from pg_db_role_setting, unnest(setconfig) as setting,
  lateral (select split_part(setting, '=', 1) as name, substr(setting, strpos(setting, '=') + 1) as value) as parts
where setdatabase = (select oid from pg_database where datname = ${literal(from)}) \\gexec
`;
  await psql(deps, container, statements);
}
