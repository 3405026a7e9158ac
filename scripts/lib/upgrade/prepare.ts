import { callAgent, inContainer } from "../agent.ts";
import type { Deps } from "../deps.ts";
import { schemaVersion } from "./inventory.ts";
import type { UpgradeOperation } from "./operation.ts";
import { planUpgrade, type UpgradePlan } from "./plan.ts";
import { type Rehearsal, rehearse } from "./rehearsal.ts";
import { renderPlan, renderRehearsal } from "./report.ts";
import type { UpgradeSite } from "./site.ts";

/** What is known of an upgrade before anything is stopped for it. */
export interface Preparation {
  readonly plan: UpgradePlan;
  readonly rehearsal: Rehearsal;
}

/**
 * Plans an upgrade of Letta, shows the plan, backs up, and rehearses it on what the backup restores to.
 *
 * @throws UserError when the new version does not work with the data; nothing is changed then
 */
export async function prepareLetta(deps: Deps, site: UpgradeSite, operation: UpgradeOperation): Promise<Preparation> {
  const { from, to } = operation;
  const plan = await planUpgrade(deps, site.place, {
    ...{ from: from.version, to: to.version, image: to.reference },
    schemaVersion: (await schemaVersion(deps, site.place)) ?? "",
  });
  for (const line of renderPlan(plan)) deps.print(line);
  const point = await backUp(deps, site, operation);
  const postgres = (await deps.engine.inspectContainer(site.names.postgres))?.Config.Image ?? "";
  deps.print("rehearsing on a copy");
  const rehearsal = await rehearse(deps, site, { letta: to.reference, postgres, point });
  for (const line of renderRehearsal(rehearsal)) deps.print(line);
  return { plan, rehearsal };
}

/** A backup, and a restore point after it to rehearse from. @returns the point, undefined where backups are turned off */
export async function backUp(
  deps: Deps,
  { backups }: UpgradeSite,
  { id }: UpgradeOperation,
): Promise<string | undefined> {
  if (backups === undefined) {
    deps.print("backups are turned off: there will be no restore point");
    return undefined;
  }
  const { backup } = backups.containers;
  deps.print("backing up");
  await callAgent(deps, inContainer(backup, ["now"]), (line) => deps.print(`  ${line}`));
  const point = `rehearsal-${id}`;
  await callAgent(deps, inContainer(backup, ["point", point]));
  return point;
}
