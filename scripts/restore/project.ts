import { UserError } from "../../infra/lib/errors.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import type { Repository } from "../lib/backup-agent/results.ts";
import { type BackupStack, readBackupStack, reading } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { type Operation, requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp, literal, psql } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { runProjectRestore } from "./project-steps.ts";
import type { RestoreOptions } from "./server.ts";
import { parseTarget, requireReachable, type Target } from "./target.ts";

/** Options of the restore of one database of a running server. */
export interface ProjectOptions extends RestoreOptions {
  /** Name of the database: a project's, or `letta`. */
  readonly project: string;
  /** Names of tables parted by commas: they come back into a schema of their own, and nothing else changes. */
  readonly tables?: string | undefined;
}

/** A restore of one database, or of some of its tables. */
export interface ProjectRestore extends Operation {
  readonly kind: "project-restore";
  /** Until `swapping` the database in use is not touched. */
  readonly phase: "loading" | "swapping";
  readonly project: string;
  /** Undefined when an earlier database comes back. */
  readonly target?: Target;
  /** Empty for the whole database. */
  readonly tables: readonly string[];
  /** The database that takes its place, and the name that the present one then gets. */
  readonly loaded: string;
  readonly kept: string;
}

/** Restores one database to one moment, beside all others that go on; the present one is kept under another name. */
export async function restoreProject(options: ProjectOptions, deps: Deps): Promise<number> {
  const { stack, project, dryRun } = options;
  const target = parseTarget(options);
  const tables = (options.tables ?? "").split(",").filter((name) => name !== "");
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  const site = await readBackupStack(deps, stack);
  await requireProject(deps, site, project);
  requireReachable(target, await callAgent<Repository>(deps, await reading(deps, site, ["list"])));
  const id = stamp();
  const names = { loaded: `${project}_restored_${id}`, kept: `${project}_before_${id}` };
  const begun = { kind: "project-restore", phase: "loading", stack, id, project, target, tables, ...names } as const;
  for (const line of plan(begun)) deps.print(line);
  if (dryRun) return 0;
  if (!(await mayGoOn(options, begun, deps))) return 1;
  await runProjectRestore(deps, site, await saveOperation<ProjectRestore>(deps, begun));
  return 0;
}

/** The schema that restored tables are put into, e.g. `restored_20261122_223503`. */
export function schemaOf({ id }: Pick<ProjectRestore, "id">): string {
  return `restored_${id.slice(0, 8)}_${id.slice(8)}`;
}

function plan(restore: Omit<ProjectRestore, "process">): string[] {
  const { stack, project, tables, target, kept } = restore;
  const what = tables.length === 0 ? `database ${project}` : `tables ${tables.join(", ")} of database ${project}`;
  const rows =
    tables.length > 0
      ? [["into", `schema ${schemaOf(restore)} of database ${project}; nothing that is there changes`]]
      : [
          [
            "down",
            project === "letta"
              ? "Letta, for the swap at the end"
              : `${project}'s connections, for the swap at the end`,
          ],
          ["lost", "what was written to this database after that; other databases stay as they are"],
          ["kept", `the present database, as ${kept}`],
        ];
  const lines = [["back to", target?.text ?? ""], ...rows];
  return [`restore of ${what} of stack ${stack}:`, ...lines.map(([name, text]) => `  ${name?.padEnd(10)} ${text}`)];
}

/** @throws UserError when Postgres does not answer, or never had such a project */
export async function requireProject(deps: Deps, { containers, letta }: BackupStack, project: string): Promise<void> {
  if (!(await isPostgresUp(deps, containers.postgres))) {
    throw new UserError(`Postgres (${containers.postgres}) does not answer`, "make letta-start");
  }
  const roles = await psql(deps, containers.postgres, `select 1 from pg_roles where rolname = ${literal(project)}`);
  if (roles.length > 0) return;
  throw new UserError(`there is no project "${project}"`, `there are ${["letta", ...letta.projects].join(", ")}`);
}

/** True when the operator says so. */
export async function mayGoOn(
  { yes }: RestoreOptions,
  { tables }: Pick<ProjectRestore, "tables">,
  deps: Deps,
): Promise<boolean> {
  // Restored tables are something new beside what there is.
  if (yes || tables.length > 0 || (await deps.confirm("go on?"))) return true;
  deps.print("nothing was changed; to go on without a question say --yes (make: YES=1)");
  return false;
}
