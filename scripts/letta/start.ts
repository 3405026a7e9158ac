import { bringUp } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { settleProjectRestore, settleServerRestore } from "../restore/resume.ts";
import { settleUpgrade } from "../upgrade/resume-commands.ts";

/** Brings the letta stack up, or up again: after a stop, a reboot, a changed config or an interrupted run. */
export async function startLetta({ stack }: { stack: string }, deps: Deps): Promise<number> {
  await settleServerRestore(deps, stack);
  await settleUpgrade(deps, stack);
  await bringUp(deps, stack);
  // Needs a Postgres that is up.
  await settleProjectRestore(deps, stack);
  return 0;
}
