import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, requireEnded, saveOperation } from "../lib/operation.ts";
import { conclude, report, type UpgradeResult } from "./conclude.ts";
import type { UpgradeOperation } from "./operation.ts";
import { removeRehearsal } from "./rehearsal-containers.ts";
import { abandon, fix } from "./resume.ts";
import { readSite } from "./site.ts";

/** What `letta start` does with an upgrade or an adoption that was interrupted: the same as its `--resume`. */
export async function settleUpgrade(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation(deps, stack);
  if (unfinished?.kind === "letta-upgrade") await resumeUpgrade({ stack }, deps);
  if (unfinished?.kind === "letta-adopt") await (await import("./adopt.ts")).resumeAdoption({ stack }, deps);
}

/**
 * Goes on with an upgrade that was interrupted: back to the old version when it had not come to the switch, else on to
 * the new one, or back from it when it fails.
 */
export async function resumeUpgrade({ stack }: { stack: string }, deps: Deps): Promise<UpgradeResult> {
  const found = await readOperation<UpgradeOperation>(deps, stack);
  if (found === undefined) {
    deps.print(`no upgrade of stack ${stack} was interrupted`);
    return { result: "up to date" };
  }
  requireEnded(found);
  if (found.kind !== "letta-upgrade") {
    throw new UserError(
      `it is a ${String(found.kind).replaceAll("-", " ")} that was interrupted`,
      "make restore-resume",
    );
  }
  const operation = await saveOperation<UpgradeOperation>(deps, found);
  deps.print(`an upgrade ${operation.from.version} -> ${operation.to.version} was interrupted (${operation.phase})`);
  const run = { deps, site: await readSite(deps, stack) };
  await fix(deps, stack);
  if (["rehearse", "drain", "save"].includes(operation.phase)) {
    await abandon(run, operation);
    return report(deps, operation, { result: "not begun", problem: `it was interrupted (${operation.phase})` });
  }
  await removeRehearsal(deps, run.site.prefix);
  return conclude(run, operation);
}
