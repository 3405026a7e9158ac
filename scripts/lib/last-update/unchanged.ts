import type { dynamic } from "@pulumi/pulumi";
import { labels } from "../../../infra/lib/names.ts";
import type { Deps } from "../deps.ts";
import { prefixOf, readConfigFile } from "../stack-file.ts";
import { lockFiles, type StateResource } from "../state-file.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type LastUpdate, providerOf, readLastUpdate } from "./record.ts";

/** The fingerprint of all that an update of this stack would start from. */
export async function programOf(deps: Deps, stack: string): Promise<string> {
  const { kind = stack, lettaStack = "letta" } = readConfigFile(deps, stack);
  const letta = kind === "thoth" ? await readLastUpdate(deps, String(lettaStack)) : undefined;
  return fingerprintOf(deps, stack, letta?.outputs);
}

/** The last update, if another one would start from the same: the same program, images, config and state. */
export async function repeatableUpdate(deps: Deps, stack: string): Promise<LastUpdate | undefined> {
  if ((await lockFiles(deps, stack)).length > 0) return undefined;
  return readLastUpdate(deps, stack, await programOf(deps, stack));
}

/**
 * Does what an update without changes would do, without Pulumi: starts the containers that have stopped, all at once, and
 * asks each resource whether the world is as it wants it. A readiness waits, as in an update.
 *
 * @returns false when an update has to look: something is not as the last one left it
 * @throws UserError when a container does not become ready; an update could only wait once more
 */
export async function settleUnchanged(deps: Deps, stack: string, { resources }: LastUpdate): Promise<boolean> {
  const found = await deps.engine.listContainers(`${labels.prefix}=${prefixOf(deps, stack)}`);
  const known = resources.filter(({ type }) => type === "docker:index/container:Container").map(({ id }) => id);
  if (JSON.stringify(found.map(({ Id }) => Id).sort()) !== JSON.stringify(known.sort())) return false;
  const stopped = found.filter(({ State }) => State === "exited" || State === "created");
  if (stopped.length > 0) deps.print(`starting ${stopped.map(({ Names }) => Names[0]?.slice(1)).join(", ")}`);
  const started = await Promise.allSettled(stopped.map(({ Id }) => deps.engine.changeContainer(Id, "start")));
  // An update looks first for what is in the way, such as a port that somebody else has taken since, and names it.
  if (started.some(({ status }) => status === "rejected")) return false;
  const answers = new Map<string, Promise<boolean>>();
  for (const resource of resources) {
    const needed = (resource.dependencies ?? []).map((urn) => answers.get(urn));
    answers.set(
      resource.urn,
      Promise.all(needed).then((before) => !before.includes(false) && isAsWanted(resource)),
    );
  }
  return !(await Promise.all(answers.values())).includes(false);
}

/** Asks a resource's own provider, in this process. */
async function isAsWanted(resource: StateResource): Promise<boolean> {
  const name = providerOf(resource);
  if (name === undefined) return true;
  const { id, inputs = {}, outputs = {} } = resource;
  const module = new URL(`../../../infra/providers/${name}.ts`, import.meta.url).href;
  const provider = ((await import(module)) as { default: dynamic.ResourceProvider }).default;
  if ((await provider.diff?.(id, outputs, inputs))?.changes !== true) return true;
  if (name !== "readiness") return false;
  await provider.update?.(id, outputs, inputs);
  return true;
}
