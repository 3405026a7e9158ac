import type { Deps } from "../lib/deps.ts";
import { up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { settleProjectRestore, settleRestore } from "../restore/resume.ts";
import { settleUpgrade } from "../upgrade/resume-commands.ts";

/** Brings the letta stack up, or up again: after a stop, a reboot, a changed config or an interrupted run. */
export async function startLetta({ stack }: { stack: string }, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  await settleRestore(deps, stack);
  await settleUpgrade(deps, stack);
  await repair(deps, stack);
  await up(deps, stack);
  await settleProjectRestore(deps, stack);
  return 0;
}
