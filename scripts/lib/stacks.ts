import type { ContainerState } from "../../infra/lib/docker/engine.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { labels } from "../../infra/lib/names.ts";
import type { LettaOperation, LettaOutputs, LettaSecrets, ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "./deps.ts";
import { outputs } from "./pulumi.ts";

/** What scripts read of a letta stack: its outputs with the secrets in the open. */
export type LettaStack = LettaOutputs &
  LettaSecrets & {
    readonly hostDatabaseUrls: Readonly<Record<string, string>>;
    /** Absent where an older version brought the stack up last. */
    readonly backup?: LettaOperation["backup"];
    readonly volumes: Partial<LettaOperation["volumes"]>;
    readonly recoveryKey?: string;
    readonly backupSettings?: string;
    /** Project -> bearer token of the gateway. */
    readonly tokens?: Readonly<Record<string, string>>;
    /** Project -> id of the user that it is in Letta. */
    readonly users?: Readonly<Record<string, string>>;
  };

/** The letta stack's outputs, or undefined when it was never brought up. */
export const readLetta = (deps: Deps, stack: string) => outputs<LettaStack>(deps, stack);

/** The thoth stack's outputs, or undefined when it is not there. */
export const readThoth = (deps: Deps, stack: string) => outputs<ThothExports>(deps, stack);

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
  for (const group of order) {
    const names = [group].flat();
    const states = await Promise.all(names.map((name) => deps.engine.inspectContainer(name)));
    const running = names.filter((_, index) => states[index]?.State.Running);
    if (running.length === 0) continue;
    deps.print(`stopping ${running.join(", ")}`);
    // No --time: the container carries its own grace.
    await deps.engine.dockerOutput(["stop", ...running]);
  }
}

/** Names of a network's containers that do not belong to the stack, each with the project it is of. */
export async function foreignContainers(deps: Deps, network: string, own: readonly string[]): Promise<string[]> {
  const names = (await deps.engine.networkContainers(network)).filter((name) => !own.includes(name));
  return Promise.all(names.map(async (name) => `${name} (${ownerOf(await deps.engine.inspectContainer(name))})`));
}

/** What a person calls the thing a container is part of. */
export function ownerOf(container: ContainerState | undefined): string {
  const found = container?.Config.Labels ?? {};
  const prefix = found[labels.prefix];
  const compose = found["com.docker.compose.project"];
  if (prefix !== undefined) return `stack ${prefix}`;
  return compose === undefined ? "started by hand" : `compose project ${compose}`;
}
