import { UserError } from "../../infra/lib/errors.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import { requireSetup } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { type Operation, readOperation, requireEnded, saveOperation } from "../lib/operation.ts";
import type { ProjectRestore, ServerRestore } from "./operation.ts";
import { abandonProjectRestore, runProjectRestore } from "./project-steps.ts";
import { abandonServerRestore, runServerRestore } from "./server-steps.ts";

type Restore = ServerRestore | ProjectRestore;

/** Resumes a restore that was killed: the interrupted step is repeated, finished ones are not. */
export async function resumeRestore({ stack }: { readonly stack: string }, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished === undefined) throw new UserError(`no restore of stack ${stack} was interrupted`);
  await resume(deps, unfinished);
  return 0;
}

/**
 * What `letta start` does with an interrupted restore of the server before it brings the stack up: undoes it before its
 * switch, and finishes it afterwards. Otherwise a part of the stack could be on each volume.
 */
export async function settleServerRestore(deps: Deps, stack: string): Promise<void> {
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished?.kind !== "server-restore") return;
  deps.print(`a restore of stack ${stack} was interrupted (${unfinished.phase})`);
  if (unfinished.phase !== "restoring") return resume(deps, unfinished);
  await abandonServerRestore(deps, await readBackupStack(deps, stack), unfinished);
}

/** The same for the restore of one database, after the start because it needs Postgres. */
export async function settleProjectRestore(deps: Deps, stack: string): Promise<void> {
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished?.kind !== "project-restore") return;
  deps.print(`a restore of project ${unfinished.project} was interrupted (${unfinished.phase})`);
  if (unfinished.phase !== "loading") return resume(deps, unfinished);
  await abandonProjectRestore(deps, await readBackupStack(deps, stack), unfinished);
}

async function unfinishedRestore(deps: Deps, stack: string): Promise<Restore | undefined> {
  const operation = await readOperation<Operation>(deps, stack);
  if (operation?.kind === "import") {
    throw new UserError(`an import into stack ${stack} was interrupted`, "make backup-import starts it over");
  }
  if (operation === undefined || !operation.kind.endsWith("-restore")) return undefined;
  requireEnded(operation);
  return operation as Restore;
}

async function resume(deps: Deps, unfinished: Restore): Promise<void> {
  const site = await readBackupStack(deps, unfinished.stack);
  if (unfinished.kind === "server-restore") {
    await runServerRestore(deps, site, await saveOperation<ServerRestore>(deps, unfinished));
  } else await runProjectRestore(deps, site, await saveOperation<ProjectRestore>(deps, unfinished));
}
