import { UserError } from "../../infra/lib/errors.ts";
import { inContainer, readAgent } from "../lib/backup-agent/call.ts";
import { siteWithKey } from "../lib/backup-agent/stack.ts";
import { requireSetup } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { stateSummary } from "../lib/pulumi.ts";
import { namesOf } from "../lib/stack-file.ts";
import { type ReadStored, storedOf, takeBackState } from "./import-state.ts";
import { readRecoveryKey } from "./key.ts";

export interface RecoverOptions {
  readonly stack: string;
  /** File with the recovery key; not needed while the stack's backup container runs, which has it. */
  readonly keyFile?: string | undefined;
}

/**
 * Takes a letta stack's lost state from its backups: the passwords, and which Docker resources belong to the stack.
 *
 * Changes nothing on the engine.
 */
export async function recoverLetta({ stack, keyFile }: RecoverOptions, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  if ((await stateSummary(deps, stack))?.isEmpty !== true) {
    throw new UserError(`stack ${stack} has a state: there is nothing to recover`, "make letta-start");
  }
  const { backup, volumes } = namesOf(deps, stack);
  if (!(await deps.engine.volumeExists(volumes.backup))) {
    throw new UserError(`there is no volume ${volumes.backup} with the backups of stack ${stack}`);
  }
  const isRunning = (await deps.engine.inspectContainer(backup))?.State.Running === true;
  const read: ReadStored =
    isRunning && keyFile === undefined
      ? (name) => readAgent(deps, inContainer(backup, ["get", name]))
      : storedOf(deps, await siteWithKey(deps, stack, readRecoveryKey(keyFile)));
  await takeBackState(deps, stack, read);
  deps.print(`stack ${stack} has the state of its last update again; next: make letta-start`);
  return 0;
}
