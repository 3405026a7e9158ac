import { requireContract } from "../../infra/lib/contract.ts";
import type { ContainerState } from "../../infra/lib/docker/engine.ts";
import { UserError } from "../../infra/lib/errors.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { databaseNames, labels } from "../../infra/lib/names.ts";
import type { LettaOutputs, ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "./deps.ts";
import { outputs } from "./pulumi.ts";

/** What commands read of a letta stack. */
export type LettaStack = LettaOutputs;

/** The letta stack's outputs, or undefined when it was never brought up. @throws UserError when another version did that */
export async function readLetta(deps: Deps, stack: string): Promise<LettaStack | undefined> {
  const found = await outputs<LettaStack>(deps, stack);
  if (found !== undefined) requireContract(found, stack);
  return found;
}

/** Letta through the gateway, as a project. */
export function projectEndpoint({ urls, projects, certificate }: LettaStack, project: string): LettaEndpoint {
  const pinned = certificate === undefined ? {} : { certificate };
  return { url: urls.gateway, password: projects[project]?.token ?? "", ...pinned };
}

/** All databases of a letta stack: Letta's own and each project's. */
export const databasesOf = ({ projects }: Pick<LettaStack, "projects">) => databaseNames(Object.keys(projects));

/** The thoth stack's outputs, or undefined when it is not there. */
export async function readThoth(deps: Deps, stack: string): Promise<ThothExports | undefined> {
  const found = await outputs<ThothExports>(deps, stack);
  // The version before did not say which role is where: its containers were roles.
  return found && { ...found, roles: found.roles ?? {} };
}

/** @throws UserError when the stack was never brought up */
export function required<Stack>(value: Stack | undefined, stack: string, command: string): Stack {
  if (value === undefined) throw new UserError(`stack ${stack} was never brought up`, command);
  return value;
}

/**
 * Stops containers in this order; those of one group stop together.
 *
 * Each gets its own grace. Containers that are gone or stopped are skipped.
 */
export async function stopContainers(deps: Deps, order: readonly (string | readonly string[])[]): Promise<void> {
  const names = order.flat();
  const states = await Promise.all(names.map((name) => deps.engine.inspectContainer(name)));
  const running = new Set(names.filter((_, index) => states[index]?.State.Running));
  if (running.size > 0) deps.print(`stopping ${[...running].join(", ")}`);
  for (const group of order) {
    const due = [group].flat().filter((name) => running.has(name));
    // No --time: the container carries its own grace.
    if (due.length > 0) await deps.engine.dockerOutput(["stop", ...due]);
  }
}

/** Names of a network's containers that do not belong to the stack, each with its owner. */
export async function foreignContainers(deps: Deps, network: string, own: readonly string[]): Promise<string[]> {
  const names = (await deps.engine.networkContainers(network)).filter((name) => !own.includes(name));
  return Promise.all(names.map(async (name) => `${name} (${ownerOf(await deps.engine.inspectContainer(name))})`));
}

/** What a container is part of, in words. */
export function ownerOf(container: ContainerState | undefined): string {
  const found = container?.Config.Labels ?? {};
  const prefix = found[labels.prefix];
  const compose = found["com.docker.compose.project"];
  if (prefix !== undefined) return `stack ${prefix}`;
  return compose === undefined ? "started by hand" : `compose project ${compose}`;
}
