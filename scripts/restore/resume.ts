import { UserError } from "../../infra/lib/errors.ts";
import type { Import } from "../backup/import.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, requireEnded, saveOperation } from "../lib/operation.ts";
import { requireSetup } from "../lib/require-setup.ts";
import type { ProjectRestore } from "./project.ts";
import { abandonProjectRestore, runProjectRestore } from "./project-steps.ts";
import type { ServerRestore } from "./server.ts";
import { abandonServerRestore, runServerRestore } from "./server-steps.ts";

type Restore = ServerRestore | ProjectRestore;

/** Goes on with a restore that was killed: what was half done is done again, what was done stays. */
export async function resumeRestore({ stack }: { readonly stack: string }, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished === undefined) throw new UserError(`no restore of stack ${stack} is unfinished`);
  await goOn(deps, unfinished);
  return 0;
}

/**
 * What `letta start` does with an unfinished restore before it brings the stack up: one that had not come to its switch is
 * given up, any other is finished. Never is a part of the stack on one volume and a part on the other.
 */
export async function settleRestore(deps: Deps, stack: string): Promise<void> {
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished?.kind !== "server-restore") return;
  deps.print(`a restore of stack ${stack} was interrupted (${unfinished.phase})`);
  const site = await readBackupStack(deps, stack);
  if (unfinished.phase === "restoring") await abandonServerRestore(deps, site, unfinished);
  else await goOn(deps, unfinished);
}

/** The same for the restore of one project, which needs a Postgres that is up: after the start. */
export async function settleProjectRestore(deps: Deps, stack: string): Promise<void> {
  const unfinished = await unfinishedRestore(deps, stack);
  if (unfinished?.kind !== "project-restore") return;
  deps.print(`a restore of project ${unfinished.project} was interrupted (${unfinished.phase})`);
  const site = await readBackupStack(deps, stack);
  if (unfinished.phase === "loading") await abandonProjectRestore(deps, site, unfinished);
  else await goOn(deps, unfinished);
}

async function unfinishedRestore(deps: Deps, stack: string): Promise<Restore | undefined> {
  const operation = await readOperation<Restore | Import>(deps, stack);
  if (operation?.kind === "import") {
    throw new UserError(`an import into stack ${stack} was interrupted`, "run it again: it begins anew");
  }
  if (operation === undefined || !operation.kind.endsWith("-restore")) return undefined;
  requireEnded(operation);
  return operation;
}

async function goOn(deps: Deps, unfinished: Restore): Promise<void> {
  const site = await readBackupStack(deps, unfinished.stack);
  if (unfinished.kind === "server-restore") {
    await runServerRestore(deps, site, await saveOperation<ServerRestore>(deps, unfinished));
  } else await runProjectRestore(deps, site, await saveOperation<ProjectRestore>(deps, unfinished));
}
