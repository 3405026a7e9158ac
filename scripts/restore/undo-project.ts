import { UserError } from "../../infra/lib/errors.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { psql } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { mayGoOn, type ProjectOptions, type ProjectRestore, requireProject } from "./project.ts";
import { runProjectRestore } from "./project-steps.ts";

/** Goes back to the database that a project had before its last restore. Done twice, it is as it was. */
export async function undoProjectRestore(options: ProjectOptions, deps: Deps): Promise<number> {
  const { stack, project, dryRun } = options;
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  const site = await readBackupStack(deps, stack);
  await requireProject(deps, site, project);
  const loaded = await newestKept(deps, site.containers.postgres, project);
  const id = stamp();
  const kept = `${project}_before_${id}`;
  const begun = { kind: "project-restore", phase: "swapping", stack, id, project, tables: [], loaded, kept } as const;
  deps.print(`undo of the last restore of database ${project} of stack ${stack}:`);
  deps.print(`  back to    database ${loaded}`);
  deps.print(`  kept       the present database, as ${kept}`);
  if (dryRun) return 0;
  if (!(await mayGoOn(options, begun, deps))) return 1;
  await runProjectRestore(deps, site, await saveOperation<ProjectRestore>(deps, begun));
  return 0;
}

async function newestKept(deps: Deps, postgres: string, project: string): Promise<string> {
  const pattern = `^${project}_before_[0-9]{14}$`;
  const names = await psql(deps, postgres, `select datname from pg_database where datname ~ '${pattern}' order by 1`);
  const newest = names.at(-1);
  if (newest !== undefined) return newest;
  throw new UserError(`there is no restore of project ${project} to undo: no database ${project}_before_…`);
}
