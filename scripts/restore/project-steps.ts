import { formatTarget, type Restored, type RestoreTarget } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { type BackupStack, oneOff } from "../lib/backup-agent/stack.ts";
import { copySettings, createDatabase, dropDatabase, swapDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation, stamp } from "../lib/operation.ts";
import { withProgress } from "../lib/progress.ts";
import { inPostgres } from "../lib/psql.ts";
import { up } from "../lib/pulumi.ts";
import { countDatabase, differences } from "../lib/rows.ts";
import { stopContainers } from "../lib/stacks.ts";
import { type ProjectRestore, schemaOf, scratchVolume } from "./operation.ts";
import { copyTables, prepareForTables } from "./tables.ts";

/** Does what is left of a restore of one database. @throws what stopped it; before the swap nothing has changed */
export async function runProjectRestore(deps: Deps, site: BackupStack, begun: ProjectRestore): Promise<void> {
  let operation = begun;
  const { target, tables } = operation;
  if (operation.phase === "loading" && target !== undefined) {
    try {
      await cleanUp(deps, site, operation);
      await loadDatabase(deps, site, operation, target);
      if (tables.length > 0) await copyTables(deps, site.containers.postgres, operation);
    } catch (error) {
      await abandonProjectRestore(deps, site, operation);
      throw error;
    }
    if (tables.length > 0) return finishTables(deps, site, operation);
    operation = await saveOperation<ProjectRestore>(deps, { ...operation, phase: "swapping" });
  }
  await swap(deps, site, operation);
  await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  const { project, kept, stack } = operation;
  deps.print(`database ${project} of stack ${stack} is restored; the previous one is kept as ${kept}`);
  deps.print(`  to go back:    make restore-undo PROJECT=${project}`);
  deps.print(`  to remove it:  docker exec ${site.containers.postgres} dropdb -U postgres ${kept}`);
}

/** Removes what was loaded; the database in use was not touched. */
export async function abandonProjectRestore(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  deps.print(`nothing was restored; database ${operation.project} is as it was`);
}

/** Removes what only the restore needed. After the swap the loaded database has another name. */
async function cleanUp(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  if (operation.target === undefined) return;
  for (const name of ["restore", "extract"]) await deps.engine.docker(["rm", "--force", `${site.prefix}-${name}`]);
  await deps.engine.docker(["volume", "rm", "--force", scratchVolume(site, operation)]);
  await dropDatabase(deps, site.containers.postgres, operation.loaded);
}

/** Restores the cluster next to the running one, and loads the database, or its tables, from it under a new name. */
async function loadDatabase(
  deps: Deps,
  site: BackupStack,
  operation: ProjectRestore,
  target: RestoreTarget,
): Promise<void> {
  const { project, tables, loaded } = operation;
  const { postgres, backup } = site.containers;
  // Brings everything written up to now into the repository.
  await callAgent(deps, inContainer(backup, ["point", `before-restore-${stamp()}`]));
  const cluster = scratchVolume(site, operation);
  await deps.engine.dockerOutput(["volume", "create", cluster]);
  const restoring = ["restore", "--target", formatTarget(target), "--only", project];
  await withProgress(deps, { id: "restore", title: `Restore of the cluster into volume ${cluster}` }, (report) =>
    callAgent<Restored>(deps, oneOff(site, { name: "restore", args: restoring, cluster }), report),
  );
  await createDatabase(deps, postgres, loaded, project);
  const sections = tables.length === 0 ? [] : await prepareForTables(deps, postgres, operation);
  const extracting = ["extract", "--database", project, ...(tables.length === 0 ? [] : ["--tables", tables.join(",")])];
  const loading = inPostgres(postgres, "pg_restore", "--dbname", loaded, "--exit-on-error", ...sections);
  const consumer = { name: "pg_restore", docker: loading };
  const { rows } = await withProgress(deps, { id: "load", title: `Load of database ${loaded}` }, (report) =>
    callAgent<{ rows?: Readonly<Record<string, number>> }>(
      deps,
      { ...oneOff(site, { name: "extract", args: extracting, cluster }), consumer },
      report,
    ),
  );
  if (rows !== undefined) await requireAllRows(deps, postgres, operation, rows);
  // Last, because they would also apply to the load, e.g. a timeout.
  if (tables.length === 0) await copySettings(deps, postgres, project, loaded);
}

/** @throws UserError when a table lacks rows that it had in the restored cluster */
async function requireAllRows(
  deps: Deps,
  postgres: string,
  { loaded, tables }: ProjectRestore,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  const found = await countDatabase(deps, postgres, loaded);
  const isWanted = ([name]: [string, number]) => tables.length === 0 || name in expected;
  const wrong = differences(expected, Object.fromEntries(Object.entries(found).filter(isWanted)));
  if (wrong.length > 0) throw new UserError(`not every row was loaded: ${wrong.join("; ")}`);
  const count = Object.values(expected).reduce((total, rows) => total + rows, 0);
  deps.print(`loaded as in the restored cluster: rows ${count}, tables ${Object.keys(expected).length}`);
}

async function swap(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  const isLetta = operation.project === "letta";
  if (isLetta) await stopContainers(deps, [lettaNames(site.prefix).server]);
  const { project: database, loaded: incoming, kept } = operation;
  await swapDatabases(deps, site.containers.postgres, [{ database, incoming, kept }]);
  // Migrates a database of an older version, and waits until Letta works on it.
  if (isLetta) await up(deps, operation.stack);
}

async function finishTables(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  const { project } = operation;
  const schema = schemaOf(operation);
  const drop = `psql -U postgres -d ${project} -c 'drop schema ${schema} cascade'`;
  deps.print(`the tables are in schema ${schema} of database ${project}, without indexes and foreign keys`);
  deps.print(`  to remove them:  docker exec ${site.containers.postgres} ${drop}`);
}
