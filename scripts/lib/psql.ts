import pg from "pg";
import { notRunning } from "../../infra/lib/docker/failures.ts";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";

/** The driver's quoting, under SQL's names. */
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
  if (exitCode !== 0) throw failure(container, `, database ${database}`, stderr);
  return stdout.split("\n").filter((line) => line !== "");
}

/** Runs statements one after the other in a process of the container, which finishes them even if this one is killed. */
export async function psqlToTheEnd(deps: Deps, container: string, statements: readonly string[]): Promise<void> {
  const commands = statements.flatMap((statement) => ["--command", statement]);
  const { exitCode, stderr } = await deps.engine.docker(inPostgres(container, "psql", ...quiet, ...commands));
  if (exitCode !== 0) throw failure(container, "", stderr);
}

function failure(container: string, where: string, stderr: string): UserError {
  return notRunning(container, stderr) ?? new UserError(`Postgres (${container}${where}) says: ${stderr.trim()}`);
}

/** True when Postgres answers in its container. */
export async function isPostgresUp(deps: Deps, container: string): Promise<boolean> {
  const { exitCode } = await deps.engine.docker(inPostgres(container, "psql", ...quiet, "--command", "select 1"));
  return exitCode === 0;
}
