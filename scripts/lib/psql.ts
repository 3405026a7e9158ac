import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";

/** The Docker arguments of a program in Postgres' container, as its superuser over the socket. */
export function inPostgres(container: string, program: string, ...args: string[]): string[] {
  return ["exec", "-i", container, program, "--username", "postgres", "--no-password", ...args];
}

const quiet = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"];

/** Runs SQL as the superuser. @returns rows as lines, columns parted by `|` @throws UserError with what psql says */
export async function psql(deps: Deps, container: string, sql: string, database = "postgres"): Promise<string[]> {
  const args = inPostgres(container, "psql", ...quiet, "--dbname", database);
  const { exitCode, stdout, stderr } = await deps.engine.docker(args, { input: sql });
  if (exitCode !== 0) throw new UserError(`Postgres (${container}, database ${database}) says: ${stderr.trim()}`);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Runs statements one after the other in one process in the container, which ends them also when this one is killed. */
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

/** Makes a database such as provisioning makes: the role has it, and nobody else enters. */
export async function createDatabase(deps: Deps, container: string, database: string, role: string): Promise<void> {
  const [name, owner] = [identifier(database), identifier(role)];
  await psql(deps, container, `create database ${name} owner ${owner} template template0`);
  await psql(deps, container, `revoke all on database ${name} from public`);
}

/** A name as SQL takes it. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as SQL takes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
