import { readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { UserError } from "../../infra/lib/errors.ts";
import { labels } from "../../infra/lib/names.ts";
import type { Deps } from "./deps.ts";
import { isAlive } from "./process.ts";
import { refresh, stateSummary } from "./pulumi.ts";
import { requireNothingThere } from "./require-empty-engine.ts";
import { prefixOf } from "./stack-file.ts";
import { lockFiles } from "./state-file.ts";

/**
 * Repairs what a killed run left behind: locks of dead processes, containers and networks that are missing from the state,
 * and containers that are missing from the engine. Never touches volumes, and so no data.
 *
 * @throws UserError when another run is at work, or the state is empty although the stack exists on the engine
 */
export async function repair(deps: Deps, stack: string): Promise<void> {
  await removeStaleLocks(deps, stack);
  const state = await stateSummary(deps, stack);
  const orphans = await orphanedContainers(deps, prefixOf(deps, stack), new Set(state?.containerIds.values()));
  if (state === undefined && orphans.length === 0) return;
  if (state === undefined || state.isEmpty) await requireNothingThere(deps, stack, orphans);
  if (state === undefined) return;
  for (const name of orphans) {
    deps.print(`removing ${name}: an interrupted run left it`);
    await deps.engine.dockerOutput(["rm", "--force", name]);
  }
  for (const name of state.pendingNetworks) await removeOrphanedNetwork(deps, name);
  const isLost = await Promise.all(
    [...state.containerIds.keys()].map(async (name) => !(await deps.engine.inspectContainer(name))),
  );
  if (state.pendingOperations > 0 || isLost.includes(true)) {
    deps.print("the engine and the state differ: refreshing the state");
    await refresh(deps, stack);
  }
}

/** Containers with the stack's label that are missing from its state. */
async function orphanedContainers(deps: Deps, prefix: string, known: ReadonlySet<string>): Promise<string[]> {
  const containers = await deps.engine.listContainers(`${labels.prefix}=${prefix}`);
  return containers.filter(({ Id }) => !known.has(Id)).map(({ Id, Names }) => Names[0]?.slice(1) ?? Id);
}

/** A network that the engine created for a run killed before it was recorded; Docker refuses a second one of that name. */
async function removeOrphanedNetwork(deps: Deps, name: string): Promise<void> {
  const network = await deps.engine.findNetwork(name);
  // A network in use belongs to somebody else: that is for the operator to decide.
  if (network === undefined || network.containers.length > 0) return;
  deps.print(`removing ${name}: an interrupted run left it`);
  await deps.engine.dockerOutput(["network", "rm", name]);
}

interface Lock {
  readonly pid: number;
  readonly hostname: string;
}

/** The file backend's locks never expire, and `pulumi cancel` would also remove the lock of a living process. */
async function removeStaleLocks(deps: Deps, stack: string): Promise<void> {
  for (const file of await lockFiles(deps, stack)) {
    const lock = JSON.parse(await readFile(file, "utf8")) as Lock;
    if (lock.hostname !== hostname() || isAlive(lock.pid, "pulumi")) {
      throw new UserError(
        `another run is at work on stack ${stack} (process ${lock.pid} on ${lock.hostname})`,
        "wait for it",
      );
    }
    deps.print(`removing the lock of process ${lock.pid}, which no longer runs`);
    await rm(file);
    await rm(`${file}.attrs`, { force: true });
  }
}
