import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation } from "../lib/operation.ts";
import { upTellingWhy } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { stopContainers } from "../lib/stacks.ts";
import { type AdoptionOperation, adoptedNames } from "./adoption.ts";
import { differences } from "./compare.ts";
import { dropDatabase, listDatabases, renameDatabases } from "./database-copy.ts";
import { keepOut, letIn } from "./drain.ts";
import { takeInventory } from "./inventory.ts";
import { removeOldCluster } from "./old-cluster.ts";
import { upPatiently } from "./return.ts";
import type { Run } from "./steps.ts";

/** Writes down that a phase of an adoption begins. */
export function enterAdoption(
  { deps }: Run,
  operation: AdoptionOperation,
  phase: AdoptionOperation["phase"],
  changes: Partial<AdoptionOperation> = {},
): Promise<AdoptionOperation> {
  return saveOperation<AdoptionOperation>(deps, { ...operation, ...changes, phase });
}

/** Gives the adopted databases the places of the stack's own, or takes that back. @returns why it was taken back */
export async function finishAdoption(run: Run, begun: AdoptionOperation): Promise<string | undefined> {
  let operation = begun;
  if (operation.phase === "switch") {
    try {
      await takePlaces(run, operation);
      operation = await enterAdoption(run, operation, "open");
    } catch (error) {
      run.deps.print(`the adopted data does not work: ${(error as Error).message.split("\n", 1)[0]}`);
      operation = await enterAdoption(run, operation, "return", { problem: (error as Error).message });
    }
  }
  if (operation.phase === "return") await giveBack(run, operation);
  await letIn(run.deps, run.site.names.gateway);
  await removeOldCluster(run.deps, run.site.prefix);
  if (operation.problem !== undefined) await dropAdopted(run, operation);
  await endOperation(run.deps, operation);
  return operation.problem;
}

async function takePlaces({ deps, site }: Run, operation: AdoptionOperation): Promise<void> {
  await keepOut(deps, site.names.gateway, "all");
  await stopContainers(deps, [site.names.server]);
  const there = await listDatabases(deps, site.names.postgres);
  const renames = operation.databases.flatMap((database) => {
    const { adopted, replaced } = adoptedNames(operation, database);
    const back = there.includes(database) ? ([[database, replaced]] as const) : [];
    return there.includes(adopted) ? [...back, [adopted, database] as const] : [];
  });
  if (renames.length > 0) await renameDatabases(deps, site.names.postgres, renames);
  await upTellingWhy(deps, site.stack);
  if (operation.before === undefined) return;
  const found = differences(operation.before, await takeInventory(deps, site.place), { exact: false });
  if (found.length > 0) throw new UserError(`not all is as it was:\n    ${found.slice(0, 20).join("\n    ")}`);
}

/** The stack's own databases come back to their places; the adopted ones are removed by the caller. */
async function giveBack({ deps, site }: Run, operation: AdoptionOperation): Promise<void> {
  await repair(deps, site.stack);
  await stopContainers(deps, [site.names.server]);
  const there = await listDatabases(deps, site.names.postgres);
  const renames = operation.databases.flatMap((database) => {
    const { adopted, replaced } = adoptedNames(operation, database);
    if (there.includes(adopted)) return [];
    const own = there.includes(replaced) ? ([[replaced, database]] as const) : [];
    return [[database, adopted] as const, ...own];
  });
  if (renames.length > 0) await renameDatabases(deps, site.names.postgres, renames);
  await upPatiently(deps, site.stack);
}

/** Ends an adoption that has not come to its switch: the stack was not touched. */
export async function abandonAdoption(run: Run, operation: AdoptionOperation): Promise<void> {
  await removeOldCluster(run.deps, run.site.prefix);
  await dropAdopted(run, operation);
  await endOperation(run.deps, operation);
}

async function dropAdopted({ deps, site }: Run, operation: AdoptionOperation): Promise<void> {
  for (const database of operation.databases) {
    await dropDatabase(deps, site.names.postgres, adoptedNames(operation, database).adopted);
  }
}

/** What is kept of before, as lines for a person. */
export async function keptLines(deps: Deps, { site }: Run, operation: AdoptionOperation): Promise<string[]> {
  const names = operation.databases.map((database) => adoptedNames(operation, database).replaced);
  const there = await listDatabases(deps, site.names.postgres);
  const kept = names.filter((name) => there.includes(name));
  return [
    `kept: volume ${operation.volume} as it was`,
    ...(kept.length === 0
      ? []
      : [`kept: what the stack had before, as ${kept.join(", ")}; drop it when you do not need it`]),
  ];
}
