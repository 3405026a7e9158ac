import { UserError } from "../../infra/lib/errors.ts";
import { isSetUp } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { stamp } from "../lib/operation.ts";
import { setup } from "../setup/setup.ts";
import { adoptDatabases } from "../upgrade/adopt.ts";
import { backUpOld } from "./back-up.ts";
import { findInstallation, type Search } from "./find.ts";
import { makeWay, reconnectClients, stopOld } from "./make-way.ts";
import { chooseVolumePrefix, planLines } from "./plan.ts";
import { type AdoptionRecord, readAdoption, saveAdoption } from "./record.ts";
import { takeSettings } from "./settings.ts";

/** Options of `adopt`. */
export interface AdoptOptions extends Search {
  /** Databases of the old cluster that are not wanted. */
  readonly without: readonly string[];
  /** The stack's own agents may be replaced. */
  readonly replace: boolean;
  /** Print the plan and change nothing. */
  readonly dryRun: boolean;
  /** How long to wait for runs of the stack's own, in seconds. */
  readonly drainSeconds: number;
  readonly yes: boolean;
}

/** Takes over an older installation of Letta and Thoth, or resumes an adoption that was interrupted. */
export async function adopt(options: AdoptOptions, deps: Deps): Promise<number> {
  const { stack, thothStack, without, replace } = options;
  const before = await readAdoption(deps, stack);
  let record: AdoptionRecord;
  if (before?.phase === "moving") {
    deps.print(`the adoption of ${before.old.cluster.volume} goes on where it was interrupted`);
    // What the operator adds now counts too.
    record = { ...before, without: [...before.without, ...without], replace: before.replace || replace };
  } else {
    const old = await findInstallation(deps, options);
    for (const line of planLines(old, stack, await chooseVolumePrefix(deps, stack))) deps.print(line);
    if (options.dryRun) {
      deps.print("nothing was changed");
      return 0;
    }
    if (!(await confirm(deps, { yes: options.yes }))) return 1;
    // What an undone adoption left in the stack came from there, and is kept like all that is replaced.
    const mayReplace = replace || before?.phase === "undone";
    record = { stack, thothStack, id: stamp(), phase: "moving", old, without, replace: mayReplace };
  }
  // Before setup there may be no Pulumi to ask.
  if (!(await isSetUp(deps, stack).catch(() => false))) await setup({ lettaStack: stack, thothStack }, deps);
  try {
    return await move(deps, await saveAdoption(deps, record), options.drainSeconds);
  } catch (error) {
    deps.print(
      "the old installation is stopped, its data unchanged: make adopt goes on, make adopt-undo brings it back",
    );
    throw error;
  }
}

/** Every step can be repeated. @throws UserError when the data could not be taken over */
async function move(deps: Deps, begun: AdoptionRecord, drainSeconds: number): Promise<number> {
  await stopOld(deps, begun.old);
  const record = await backUpOld(deps, begun);
  const { stack, thothStack, old, without, replace } = record;
  await makeWay(deps, old);
  await takeSettings(deps, record);
  const { volume, image = "" } = old.cluster;
  const { result, problem } = await adoptDatabases(deps, { stack, volume, image, without, replace, drainSeconds });
  if (result !== "done") throw new UserError(`the data was not taken over: ${problem ?? result}`);
  await reconnectClients(deps, old);
  // Its secrets are in the config by now, encrypted; the undo needs none.
  await saveAdoption(deps, record, { phase: "adopted", old: { ...old, variables: {} } });
  deps.print(`kept: the old installation, stopped; to go back to it: make adopt-undo`);
  deps.print(`kept: dumps of its databases in ${record.dumps}`);
  deps.print(`next: make thoth-start${thothStack === "thoth" ? "" : ` THOTH_STACK=${thothStack}`}`);
  return 0;
}
