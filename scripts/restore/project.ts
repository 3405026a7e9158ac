import type { Repository, RestoreTarget } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import { type BackupStack, readBackupStack, reading } from "../lib/backup-agent/stack.ts";
import { requireSetup } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp, literal, psql } from "../lib/psql.ts";
import { databasesOf } from "../lib/stacks.ts";
import { type NewProjectRestore, type ProjectRestore, type RestoreOptions, renderPlan, schemaOf } from "./operation.ts";
import { runProjectRestore } from "./project-steps.ts";
import { describeTarget, parseTarget, requireReachable, type TargetOptions } from "./target.ts";

/** Options of the restore of one database of a running server. */
export interface ProjectOptions extends RestoreOptions {
  /** Name of the database: a project's, or `letta`. */
  readonly project: string;
}

/** Options of the restore of single tables. It changes nothing that is there, and so asks nothing. */
export interface TablesOptions extends Omit<ProjectOptions, "yes"> {
  /** Names, separated by commas. */
  readonly tables: string;
}

/** Restores one database to one moment while all others stay in use; the present one is kept under another name. */
export async function restoreProject(options: ProjectOptions & TargetOptions, deps: Deps): Promise<number> {
  const target = parseTarget(options);
  const { site, begun } = await begin(options, deps);
  await requireMoment(deps, site, target);
  const { project, kept } = begun;
  const down = project === "letta" ? "Letta" : `${project}'s connections`;
  return run(options, site, { ...begun, target }, deps, [
    ["back to", describeTarget(target)],
    ["down", `${down}, during the swap at the end`],
    ["lost", "everything written to this database after that; other databases stay as they are"],
    ["kept", `the present database, as ${kept}`],
  ]);
}

/** Restores some tables of one database into a new schema of it. */
export async function restoreTables(options: TablesOptions & TargetOptions, deps: Deps): Promise<number> {
  const target = parseTarget(options);
  const tables = options.tables.split(",").filter((name) => name !== "");
  if (tables.length === 0) throw new UserError("no table is named", "--tables a,b");
  const { site, begun } = await begin(options, deps);
  await requireMoment(deps, site, target);
  return run({ ...options, yes: true }, site, { ...begun, target, tables }, deps, [
    ["tables", tables.join(", ")],
    ["back to", describeTarget(target)],
    ["into", `schema ${schemaOf(begun)} of database ${begun.project}; nothing else changes`],
  ]);
}

/** Goes back to the database that a project had before its last restore. A second undo takes the first one back. */
export async function undoProjectRestore(options: ProjectOptions, deps: Deps): Promise<number> {
  const { site, begun } = await begin(options, deps);
  const { project, kept } = begun;
  const pattern = literal(`^${project}_before_[0-9]{14}$`);
  const find = `select datname from pg_database where datname ~ ${pattern} order by 1`;
  const newest = (await psql(deps, site.containers.postgres, find)).at(-1);
  if (newest === undefined) {
    throw new UserError(`there is no restore of project ${project} to undo: no database ${project}_before_…`);
  }
  return run(options, site, { ...begun, phase: "swapping", loaded: newest }, deps, [
    ["back to", `database ${newest}`],
    ["kept", `the present database, as ${kept}`],
  ]);
}

async function begin({ stack, project }: Pick<ProjectOptions, "stack" | "project">, deps: Deps) {
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  const site = await readBackupStack(deps, stack);
  await requireProject(deps, site, project);
  const id = stamp();
  const names = { loaded: `${project}_restored_${id}`, kept: `${project}_before_${id}` };
  const begun: NewProjectRestore = {
    ...{ kind: "project-restore", phase: "loading", stack, id, project, tables: [], ...names },
  };
  return { site, begun };
}

/** @throws UserError when Postgres does not answer, or never had such a project */
async function requireProject(deps: Deps, site: BackupStack, project: string): Promise<void> {
  const { postgres } = site.containers;
  if (!(await isPostgresUp(deps, postgres))) {
    throw new UserError(`Postgres (${postgres}) does not answer`, "make letta-start");
  }
  const roles = await psql(deps, postgres, `select 1 from pg_roles where rolname = ${literal(project)}`);
  if (roles.length > 0) return;
  throw new UserError(`there is no project "${project}"`, `use one of ${databasesOf(site.letta).join(", ")}`);
}

async function requireMoment(deps: Deps, site: BackupStack, target: RestoreTarget): Promise<void> {
  requireReachable(target, await callAgent<Repository>(deps, await reading(deps, site, ["list"])));
}

async function run(
  { yes, dryRun }: RestoreOptions,
  site: BackupStack,
  begun: NewProjectRestore,
  deps: Deps,
  rows: readonly (readonly [string, string])[],
): Promise<number> {
  const what = begun.target === undefined ? "undo of the last restore" : "restore";
  for (const line of renderPlan(`${what} of database ${begun.project} of stack ${begun.stack}`, rows)) deps.print(line);
  if (dryRun) return 0;
  if (!(await confirm(deps, { yes }))) return 1;
  await runProjectRestore(deps, site, await saveOperation<ProjectRestore>(deps, begun));
  return 0;
}
