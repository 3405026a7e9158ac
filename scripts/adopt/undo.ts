import { UserError } from "../../infra/lib/errors.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation } from "../lib/operation.ts";
import { destroy, stateSummary } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { readLetta } from "../lib/stacks.ts";
import { down } from "../stacks/both.ts";
import { resumeChange } from "../upgrade/change.ts";
import { removeCopy } from "../upgrade/copy.ts";
import { copyNames } from "../upgrade/operation.ts";
import { disconnectClients, giveBack } from "./make-way.ts";
import { readAdoption, saveAdoption } from "./record.ts";

/** Takes both stacks down, which keeps their data, and brings the old installation back as it was found. */
export async function undoAdoption({ stack, yes }: { stack: string; yes: boolean }, deps: Deps): Promise<number> {
  const record = await readAdoption(deps, stack);
  if (record === undefined || record.phase === "undone") {
    throw new UserError(`stack ${stack} has no adoption to undo`, "make adopt");
  }
  const lines = [
    "stacks and backups of this project go down; what was written to them since stays in their volumes",
    ...record.old.containers.map(({ name, wasRunning }) => `${name} is back${wasRunning ? " and runs" : ""}`),
  ];
  if (!(await confirm(deps, { yes, affects: { heading: "undo of the adoption:", lines } }))) return 1;
  if ((await readOperation(deps, stack))?.kind === "letta-adopt") await resumeChange(deps, stack, "letta-adopt");
  await removeCopy(deps, { copy: copyNames(deps, stack, "letta-adopt") });
  await disconnectClients(deps, record.old);
  const exitCode = await down({ lettaStack: stack, thothStack: record.thothStack }, deps);
  if (exitCode !== 0) return exitCode;
  await removeHalfMade(deps, stack);
  await giveBack(deps, record.old);
  await saveAdoption(deps, record, { phase: "undone" });
  deps.print("the old installation is back; make adopt takes it over again");
  return 0;
}

/** A first start that was killed has no outputs, by which `down` knows a stack. */
async function removeHalfMade(deps: Deps, stack: string): Promise<void> {
  if ((await readLetta(deps, stack)) !== undefined) return;
  await repair(deps, stack);
  const state = await stateSummary(deps, stack);
  if (state !== undefined && !state.isEmpty) await destroy(deps, stack);
}
