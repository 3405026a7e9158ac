import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import type { Deps } from "../lib/deps.ts";
import { schemaVersion } from "./inventory.ts";
import type { UpgradeOperation } from "./operation.ts";
import { planUpgrade, type UpgradePlan } from "./plan.ts";
import { type PostgresRehearsal, rehearsePostgres, renderPostgresRehearsal, requireSameMajor } from "./postgres.ts";
import { type Rehearsal, rehearse } from "./rehearsal.ts";
import { renderPlan, renderRehearsal } from "./report.ts";
import type { UpgradeSite } from "./site.ts";

/** What is known of an upgrade before anything is stopped for it; one of Postgres has no plan of migrations. */
export interface Preparation {
  readonly plan?: UpgradePlan;
  readonly rehearsal: Rehearsal | PostgresRehearsal;
}

/** Gets an upgrade ready: nothing is changed until this returns. @throws UserError when it would not work */
export function prepare(deps: Deps, site: UpgradeSite, operation: UpgradeOperation): Promise<Preparation> {
  return (operation.what === "letta" ? prepareLetta : preparePostgres)(deps, site, operation);
}

async function preparePostgres(deps: Deps, site: UpgradeSite, operation: UpgradeOperation): Promise<Preparation> {
  const options = { from: operation.from.reference, to: operation.to.reference };
  await requireSameMajor(deps, options);
  deps.print(`upgrade of Postgres ${operation.from.version} -> ${operation.to.version}`);
  deps.print("  all who are connected to Postgres lose their connection once");
  const point = await backUp(deps, site, operation);
  deps.print("rehearsing on a copy");
  const rehearsal = await rehearsePostgres(deps, site, { ...options, point });
  for (const line of renderPostgresRehearsal(rehearsal)) deps.print(line);
  return { rehearsal };
}

/**
 * Plans an upgrade of Letta, shows the plan, backs up, and rehearses it on what the backup restores to.
 *
 * @throws UserError when the new version does not work with the data; nothing is changed then
 */
async function prepareLetta(deps: Deps, site: UpgradeSite, operation: UpgradeOperation): Promise<Preparation> {
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
async function backUp(deps: Deps, { backups }: UpgradeSite, { id }: UpgradeOperation): Promise<string | undefined> {
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
