import { lettaNames } from "../../infra/lib/names.ts";
import type { BackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation } from "../lib/operation.ts";
import { identifier, psql } from "../lib/psql.ts";
import { up } from "../lib/pulumi.ts";
import { stopContainers } from "../lib/stacks.ts";
import { loadDatabase, scratchVolume } from "./load.ts";
import { type ProjectRestore, schemaOf } from "./project.ts";
import { swapDatabases } from "./swap.ts";
import { copyTables } from "./tables.ts";

/** Does what is left of a restore of one database. @throws what stopped it; before the swap all is as it was */
export async function runProjectRestore(deps: Deps, site: BackupStack, begun: ProjectRestore): Promise<void> {
  let operation = begun;
  if (operation.phase === "loading") {
    await load(deps, site, operation);
    if (operation.tables.length > 0) return finishTables(deps, site, operation);
    operation = await saveOperation<ProjectRestore>(deps, { ...operation, phase: "swapping" });
  }
  await swap(deps, site, operation);
  await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  const { project, kept, stack } = operation;
  deps.print(`database ${project} of stack ${stack} is restored; the one before is kept as ${kept}`);
  deps.print(`  back to it:  make restore-undo PROJECT=${project}`);
  deps.print(`  without it:  docker exec ${site.containers.postgres} dropdb -U postgres ${kept}`);
}

async function load(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  // An earlier database that comes back is there already.
  if (operation.target === undefined) return;
  try {
    await cleanUp(deps, site, operation);
    await loadDatabase(deps, site, operation);
    if (operation.tables.length > 0) await copyTables(deps, site, operation);
  } catch (error) {
    await abandonProjectRestore(deps, site, operation);
    throw error;
  }
}

/** Takes away what was loaded; the database in use was not touched. */
export async function abandonProjectRestore(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  if (operation.target !== undefined) await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  deps.print(`nothing was restored; database ${operation.project} is as it was`);
}

/** What only the restore needed. A database that was loaded and swapped in has another name by now. */
async function cleanUp(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  if (operation.target === undefined) return;
  for (const name of ["restore", "extract"]) await deps.engine.docker(["rm", "--force", `${site.prefix}-${name}`]);
  await deps.engine.docker(["volume", "rm", "--force", scratchVolume(site, operation)]);
  const { postgres } = site.containers;
  await psql(deps, postgres, `drop database if exists ${identifier(operation.loaded)} with (force)`);
}

async function swap(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  const { server } = lettaNames(site.prefix);
  const isLetta = operation.project === "letta";
  if (isLetta) await stopContainers(deps, [server]);
  await swapDatabases(deps, site.containers.postgres, operation);
  // Migrates what is of an older version, and waits until Letta works on it.
  if (isLetta) await up(deps, operation.stack);
}

async function finishTables(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  await cleanUp(deps, site, operation);
  await endOperation(deps, operation);
  const { project } = operation;
  const schema = schemaOf(operation);
  const drop = `psql -U postgres -d ${project} -c 'drop schema ${schema} cascade'`;
  deps.print(`the tables are in schema ${schema} of database ${project}, without indexes and foreign keys`);
  deps.print(`  without them:  docker exec ${site.containers.postgres} ${drop}`);
}
