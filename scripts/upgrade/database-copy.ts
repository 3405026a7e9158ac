import { setTimeout as sleep } from "node:timers/promises";
import type { Deps } from "../lib/deps.ts";
import { copySettings, identifier, literal, psql } from "../lib/psql.ts";

/** Others may connect again in between. */
const attempts = 10;

/** Names of the databases in a cluster that begin with this. */
export function listDatabases(deps: Deps, container: string, start = ""): Promise<string[]> {
  const where = `where not datistemplate and starts_with(datname, ${literal(start)})`;
  return psql(deps, container, `select datname from pg_database ${where} order by 1`);
}

/**
 * Copies a database within its cluster, whole or not at all, with its owner and its settings. Nobody else may use it.
 * Takes as long as its files take to be copied, and as much space.
 */
export async function copyDatabase(deps: Deps, container: string, from: string, to: string): Promise<void> {
  const [owner = "postgres"] = await psql(
    deps,
    container,
    `select pg_get_userbyid(datdba) from pg_database where datname = ${literal(from)}`,
  );
  await untilFree(() =>
    psql(
      deps,
      container,
      `${disconnect(from)};
       create database ${identifier(to)} template ${identifier(from)} owner ${identifier(owner)} strategy file_copy;`,
    ),
  );
  await psql(deps, container, `revoke all on database ${identifier(to)} from public`);
  await copySettings(deps, container, from, to);
}

/** Removes a database that was made as a copy; fine when it is not there. */
export async function dropDatabase(deps: Deps, container: string, name: string): Promise<void> {
  await psql(deps, container, `drop database if exists ${identifier(name)} with (force)`);
}

/**
 * Gives databases other names, all at once or none: old name -> new name, in this order.
 *
 * Only a database that nobody uses can be renamed, so all who use one are disconnected.
 */
export async function renameDatabases(
  deps: Deps,
  container: string,
  names: readonly (readonly [string, string])[],
): Promise<void> {
  const renames = names.map(([from, to]) => `alter database ${identifier(from)} rename to ${identifier(to)};`);
  const disconnects = names.map(([from]) => `${disconnect(from)};`);
  await untilFree(() => psql(deps, container, `${disconnects.join("\n")}\nbegin;\n${renames.join("\n")}\ncommit;`));
}

const disconnect = (database: string) =>
  `select pg_terminate_backend(pid, 10000) from pg_stat_activity
   where datname = ${literal(database)} and pid <> pg_backend_pid()`;

async function untilFree(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === attempts || !/being accessed by other users/.test((error as Error).message)) throw error;
      await sleep(300);
    }
  }
}
