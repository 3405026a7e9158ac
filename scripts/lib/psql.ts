import pg from "pg";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";

/** The driver's own quoting, under the names that SQL has for what is quoted. */
export const { escapeIdentifier: identifier, escapeLiteral: literal } = pg;

/** The Docker arguments of a program in Postgres' container, as its superuser over the socket. */
export function inPostgres(container: string, program: string, ...args: string[]): string[] {
  return ["exec", "-i", container, program, "--username", "postgres", "--no-password", ...args];
}

const quiet = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"];

/** Runs SQL as the superuser. @returns rows as lines, columns separated by `|` @throws UserError with psql's message */
export async function psql(deps: Deps, container: string, sql: string, database = "postgres"): Promise<string[]> {
  const args = inPostgres(container, "psql", ...quiet, "--dbname", database);
  const { exitCode, stdout, stderr } = await deps.engine.docker(args, { input: sql });
  if (exitCode !== 0) throw new UserError(`Postgres (${container}, database ${database}) says: ${stderr.trim()}`);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Runs statements one after the other in a process of the container, which finishes them even if this one is killed. */
export async function psqlToTheEnd(deps: Deps, container: string, statements: readonly string[]): Promise<void> {
  const commands = statements.flatMap((statement) => ["--command", statement]);
  const { exitCode, stderr } = await deps.engine.docker(inPostgres(container, "psql", ...quiet, ...commands));
  if (exitCode !== 0) throw new UserError(`Postgres (${container}) says: ${stderr.trim()}`);
}

/** True when Postgres answers in its container. */
export async function isPostgresUp(deps: Deps, container: string): Promise<boolean> {
  const { exitCode } = await deps.engine.docker(inPostgres(container, "psql", ...quiet, "--command", "select 1"));
  return exitCode === 0;
}

/** Creates a database as provisioning does: the role owns it, and nobody else may connect. */
export async function createDatabase(deps: Deps, container: string, database: string, role: string): Promise<void> {
  const [name, owner] = [identifier(database), identifier(role)];
  await psql(deps, container, `create database ${name} owner ${owner} template template0`);
  await psql(deps, container, `revoke all on database ${name} from public`);
}

/** Settings that are lists are stored as they are written; all others are texts. */
const listSettings = "'search_path', 'session_preload_libraries', 'local_preload_libraries', 'temp_tablespaces'";

/**
 * Gives a database the settings of another one (`alter database … set`, `alter role … in database … set`), which neither
 * a dump nor a template carries.
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
