import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { changeConfigFile } from "../lib/stack-file.ts";
import { stopContainers } from "../lib/stacks.ts";
import { differences } from "./compare.ts";
import { listDatabases, renameDatabases } from "./database-copy.ts";
import { type Inventory, takeInventory } from "./inventory.ts";
import { databaseNames, type UpgradeOperation, versionConfig } from "./operation.ts";
import type { Run } from "./steps.ts";

const postgresSeconds = 60;
/** The old version is known to work: when it does not answer in time, the machine is busy, or what ended was not its fault. */
const upAttempts = 3;

/**
 * Brings the old version back, and where the attempt changed Letta's database, the copy from before it. Other databases of
 * the cluster, whose applications worked on meanwhile, are left as they are.
 *
 * @throws UserError when the old version does not come up, or something is not as it was before
 */
export async function goBack(run: Run, operation: UpgradeOperation): Promise<UpgradeOperation> {
  const { deps, site } = run;
  deps.print(`going back to ${operation.from.version}`);
  await changeConfigFile(deps, site.stack, { [versionConfig[operation.what]]: operation.from.configured ?? undefined });
  await repair(deps, site.stack);
  const kept = operation.what === "letta" ? await takeBackData(run, operation) : undefined;
  await upPatiently(deps, site.stack);
  const found = operation.before === undefined ? [] : await changes(run, operation.before);
  if (found.length > 0) {
    throw new UserError(
      `the old version is back, but not all is as it was:\n    ${found.slice(0, 20).join("\n    ")}`,
      operation.point === undefined ? undefined : `make restore NAME=${operation.point}`,
    );
  }
  return { ...operation, ...(kept === undefined ? {} : { kept }) };
}

/** Brings up what has worked before, with more than one try. @throws what the last one said */
export async function upPatiently(deps: Deps, stack: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await up(deps, stack);
      return;
    } catch (error) {
      if (attempt === upAttempts) throw error;
      deps.print("once more");
      await repair(deps, stack);
    }
  }
}

/** @returns the database that was put aside, or undefined when none had to be */
async function takeBackData(run: Run, operation: UpgradeOperation): Promise<string | undefined> {
  const { deps, site } = run;
  const { postgres, server } = site.names;
  const { copy, failed } = databaseNames(operation);
  // A migration that is still at work belongs to a process that was killed.
  await deps.engine.docker(["rm", "--force", `${server}-migration`]);
  await stopContainers(deps, [server]);
  await requirePostgres(run);
  const databases = await listDatabases(deps, postgres, "letta_");
  if (databases.includes(failed)) return failed;
  if (operation.before === undefined || !databases.includes(copy)) return undefined;
  if (!(await isChanged(run, operation.before))) return undefined;
  const { database } = site.place;
  await renameDatabases(deps, postgres, [
    [database, failed],
    [copy, database],
  ]);
  deps.print(`the database from before is back; what the attempt left is kept as ${failed}`);
  return failed;
}

/** True when the schema moved or something is not as it was; also when what is there cannot be read any more. */
async function isChanged({ deps, site }: Run, before: Inventory): Promise<boolean> {
  try {
    const now = await takeInventory(deps, site.place);
    return now.schemaChecksum !== before.schemaChecksum || differences(before, now, { exact: true }).length > 0;
  } catch {
    return true;
  }
}

async function changes({ deps, site }: Run, before: Inventory): Promise<string[]> {
  const now = await takeInventory(deps, site.place);
  const schema = now.schemaChecksum === before.schemaChecksum ? [] : [`the schema is at ${now.schemaVersion}`];
  return [...schema, ...differences(before, now, { exact: false })];
}

async function requirePostgres({ deps, site }: Run): Promise<void> {
  const { postgres } = site.names;
  const state = await deps.engine.inspectContainer(postgres);
  if (state !== undefined && !state.State.Running) await deps.engine.dockerOutput(["start", postgres]);
  const deadline = Date.now() + postgresSeconds * 1000;
  while (!(await isPostgresUp(deps, postgres))) {
    if (Date.now() > deadline) throw new UserError(`${postgres} does not answer`, "make letta-logs-pg");
    await sleep(300);
  }
}
