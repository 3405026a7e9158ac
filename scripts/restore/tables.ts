import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { identifier, inPostgres, literal, psql } from "../lib/psql.ts";
import { type ProjectRestore, schemaOf } from "./operation.ts";

/** Rows and columns, without what refers to other tables. */
const sections = ["--section=pre-data", "--section=data"];

/**
 * Prepares an empty database for single tables: types, functions and extensions as in the project's database, without
 * these tables.
 *
 * @returns options of pg_restore for them
 */
export async function prepareForTables(
  deps: Deps,
  postgres: string,
  { project, loaded, tables }: ProjectRestore,
): Promise<string[]> {
  const dump = ["pg_dump", "--username", "postgres", "--section=pre-data", "--dbname", project];
  await pipe(deps, postgres, dump, loaded);
  for (const table of tables) {
    const [name] = await psql(deps, postgres, `select to_regclass(${literal(table)})`, loaded);
    if (name !== undefined) await psql(deps, postgres, `drop table ${name} cascade`, loaded);
  }
  return sections;
}

/** Copies the loaded tables into a new schema of the project's database, in one transaction. */
export async function copyTables(deps: Deps, postgres: string, operation: ProjectRestore): Promise<void> {
  const { project, loaded, tables } = operation;
  const schema = schemaOf(operation);
  await psql(deps, postgres, `create schema ${schema} authorization ${identifier(project)}`, loaded);
  for (const table of tables) await psql(deps, postgres, `alter table ${table} set schema ${schema}`, loaded);
  const dump = ["pg_dump", "--username", "postgres", `--schema=${schema}`, ...sections, "--dbname", loaded];
  await pipe(deps, postgres, dump, project);
}

/** Runs the SQL that a program in the container prints in another database, all of it or nothing. */
async function pipe(deps: Deps, postgres: string, program: readonly string[], database: string): Promise<void> {
  const producer = ["exec", postgres, ...program];
  const flags = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--single-transaction", "--dbname", database];
  const consumer = inPostgres(postgres, "psql", ...flags);
  const { exitCode, stderr } = await deps.$({ nothrow: true })`docker ${producer} | docker ${consumer} >/dev/null`;
  if (exitCode !== 0) throw new UserError(`Postgres (${postgres}, database ${database}) reports: ${stderr.trim()}`);
}
