import { lettaStopOrder } from "../../infra/lib/names.ts";
import { startLettaAsking } from "../letta/start.ts";
import type { BringUpOptions } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { repeatableUpdate } from "../lib/last-update/unchanged.ts";
import { destroy } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { prefixOf, readConfigFile } from "../lib/stack-file.ts";
import { foreignContainers, readLetta, readThoth, stopContainers } from "../lib/stacks.ts";
import { status } from "../status/command.ts";
import { startThoth } from "../thoth/start.ts";

/** Names of the two stacks. */
export interface BothStacks {
  readonly lettaStack: string;
  readonly thothStack: string;
}

/** Sets up, brings both stacks up, and shows their status. */
export async function upAll(
  options: BothStacks & BringUpOptions & { readonly yes: boolean },
  deps: Deps,
): Promise<number> {
  const { lettaStack, thothStack, force, yes } = options;
  if (force === true || !(await areRepeatable(deps, [lettaStack, thothStack]))) {
    const { setup } = await import("../setup/setup.ts");
    await setup(options, deps);
  }
  // Thoth is brought up next; only others have to be asked for.
  const { project = "thoth" } = readConfigFile(deps, thothStack);
  const own = { containers: (await readThoth(deps, thothStack))?.containers ?? [], projects: [String(project)] };
  const exitCode = await startLettaAsking({ stack: lettaStack, force, yes, own }, deps);
  if (exitCode !== 0) return exitCode;
  await startThoth({ stack: thothStack, lettaStack, yes: true, force }, deps);
  return status({ ...options, scope: "all", json: false }, deps);
}

/** True when the last updates of these stacks could be repeated as they were: all that setup makes was there. */
async function areRepeatable(deps: Deps, stacks: readonly string[]): Promise<boolean> {
  return (await Promise.all(stacks.map((stack) => repeatableUpdate(deps, stack)))).every((last) => last !== undefined);
}

/** Removes the containers and networks of both stacks. Volumes, passwords and the vault stay for the next `up`. */
export async function down({ lettaStack, thothStack }: BothStacks, deps: Deps): Promise<number> {
  await repair(deps, thothStack);
  const thoth = await readThoth(deps, thothStack);
  if (thoth !== undefined) {
    // Together: Pulumi would remove dependent containers one after the other.
    await stopContainers(deps, [thoth.containers]);
    await destroy(deps, thothStack);
  }
  await repair(deps, lettaStack);
  const letta = await readLetta(deps, lettaStack);
  if (letta === undefined) {
    deps.print(`stack ${lettaStack} was never brought up`);
    return 0;
  }
  const clients = await foreignContainers(deps, letta.network.name, letta.containers);
  if (clients.length > 0) {
    deps.print(`the letta stack "${lettaStack}" stays up: ${clients.join(", ")} use it`);
    return 1;
  }
  await stopContainers(deps, lettaStopOrder(prefixOf(deps, lettaStack)));
  await destroy(deps, lettaStack);
  deps.print(`down; kept: volumes ${Object.values(letta.volumes).join(", ")}`);
  return 0;
}
