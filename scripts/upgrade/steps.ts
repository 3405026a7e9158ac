import { UserError } from "../../infra/lib/errors.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation } from "../lib/operation.ts";
import { upTellingWhy } from "../lib/pulumi.ts";
import { changeConfigFile } from "../lib/stack-file.ts";
import { stopContainers } from "../lib/stacks.ts";
import { differences } from "./compare.ts";
import { copyDatabase, dropDatabase } from "./database-copy.ts";
import { awaitRuns, keepOut, letIn } from "./drain.ts";
import { takeInventory } from "./inventory.ts";
import { databaseNames, type UpgradeOperation, versionConfig } from "./operation.ts";
import type { Outcome } from "./report.ts";
import { goBack } from "./return.ts";
import type { UpgradeSite } from "./site.ts";

/** What the steps of one upgrade share. */
export interface Run {
  readonly deps: Deps;
  readonly site: UpgradeSite;
}

/** Writes down that a phase begins, with what is known since the last. */
export function enter(
  { deps }: Run,
  operation: UpgradeOperation,
  phase: UpgradeOperation["phase"],
  changes: Partial<UpgradeOperation> = {},
): Promise<UpgradeOperation> {
  return saveOperation<UpgradeOperation>(deps, { ...operation, ...changes, phase });
}

/** Does a step and notes how long it took under the name of its phase. */
export async function timed(
  operation: UpgradeOperation,
  name: string,
  work: () => Promise<UpgradeOperation>,
): Promise<UpgradeOperation> {
  const started = Date.now();
  const done = await work();
  const seconds = (done.timings[name] ?? operation.timings[name] ?? 0) + (Date.now() - started) / 1000;
  return { ...done, timings: { ...done.timings, [name]: seconds } };
}

/** Keeps new runs out and waits for those at work. */
export async function drain(run: Run, begun: UpgradeOperation, timeoutSeconds: number): Promise<UpgradeOperation> {
  const { deps, site } = run;
  const operation = await enter(run, begun, "drain");
  deps.print("draining: new runs are answered 503 with Retry-After, reads go on");
  return timed(operation, "drain", async () => {
    await keepOut(deps, site.names.gateway, "runs");
    const count = await awaitRuns(deps, { place: site.place, server: site.names.server, timeoutSeconds });
    deps.print(count === 0 ? "no run was at work" : `${count} ${count === 1 ? "run has" : "runs have"} ended`);
    return operation;
  });
}

/** Stops the server, notes what there is, and makes the two ways back: a restore point, and a copy of the database beside it. */
export async function save(run: Run, begun: UpgradeOperation): Promise<UpgradeOperation> {
  const { deps, site } = run;
  const operation = await enter(run, begun, "save", { closedAt: new Date().toISOString() });
  return timed(operation, "save", async () => {
    await keepOut(deps, site.names.gateway, "all");
    await stopContainers(deps, [site.names.server]);
    const before = await takeInventory(deps, site.place);
    const point = await makePoint(run, `before-upgrade-${operation.id}`);
    if (operation.what === "letta") {
      await copyDatabase(deps, site.names.postgres, site.place.database, databaseNames(operation).copy);
    }
    return { ...operation, before, ...(point === undefined ? {} : { point }) };
  });
}

async function makePoint({ deps, site }: Run, name: string): Promise<string | undefined> {
  if (site.backups === undefined) return undefined;
  await callAgent(deps, inContainer(site.backups.containers.backup, ["point", name]));
  deps.print(`restore point ${name}`);
  return name;
}

/** Does all that is left from `switch` on, whatever was done of it before. */
export async function finish(
  run: Run,
  begun: UpgradeOperation,
): Promise<{ operation: UpgradeOperation; outcome: Outcome }> {
  let operation = begun;
  if (operation.phase === "switch") {
    try {
      operation = await enter(run, await switchOver(run, operation), "open");
    } catch (error) {
      run.deps.print(`the new version fails: ${(error as Error).message.split("\n", 1)[0]}`);
      operation = await enter(run, operation, "return", { problem: (error as Error).message });
    }
  }
  if (operation.phase === "return") {
    const returned = await timed(operation, "return", () => goBack(run, operation));
    operation = await enter(run, returned, "reopen");
  }
  operation = await open(run, operation);
  const { problem } = operation;
  return { operation, outcome: problem === undefined ? { result: "upgraded" } : { result: "returned", problem } };
}

/** The new version in the config is what makes it the stack's; everything after that can be done again. */
async function switchOver({ deps, site }: Run, operation: UpgradeOperation): Promise<UpgradeOperation> {
  return timed(operation, "switch", async () => {
    await changeConfigFile(deps, site.stack, { [versionConfig[operation.what]]: operation.to.version });
    await upTellingWhy(deps, site.stack);
    if (operation.before === undefined) throw new Error("the upgrade has no inventory from before it");
    const found = differences(operation.before, await takeInventory(deps, site.place), { exact: false });
    if (found.length > 0) throw new UserError(`not all is as it was:\n    ${found.slice(0, 20).join("\n    ")}`);
    deps.print("every agent, row and text is as it was");
    return operation;
  });
}

/** Lets clients in again, and removes what only an upgrade needs. */
async function open({ deps, site }: Run, operation: UpgradeOperation): Promise<UpgradeOperation> {
  await letIn(deps, site.names.gateway);
  const { closedAt } = operation;
  const closedSeconds = closedAt === undefined ? 0 : (Date.now() - Date.parse(closedAt)) / 1000;
  await dropDatabase(deps, site.names.postgres, databaseNames(operation).copy);
  await endOperation(deps, operation);
  return { ...operation, closedSeconds };
}
