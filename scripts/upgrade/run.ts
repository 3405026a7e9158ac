import type { Deps } from "../lib/deps.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { machineDeps } from "./machine-deps.ts";
import { resumeUpgrade } from "./resume-commands.ts";
import { type UpgradeOptions, upgrade } from "./upgrade.ts";

/** Runs `letta upgrade`; exit code 0 when Letta is at the wanted version, or a dry run shows that it would be. */
export async function runUpgrade(
  options: UpgradeOptions & { readonly resume: boolean; readonly json: boolean },
  deps: Deps,
): Promise<number> {
  const own = options.json ? machineDeps(deps) : deps;
  await requireSetup(own, options.stack);
  const result = options.resume ? await resumeUpgrade(options, own) : await upgrade(options, own);
  if (options.json) deps.print(JSON.stringify(result, undefined, 2));
  const isFine = result.result === "upgraded" || result.result === "up to date";
  return isFine || (result.result === "rehearsed" && options.dryRun) ? 0 : 1;
}
