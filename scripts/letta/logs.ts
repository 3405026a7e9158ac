import type { Deps } from "../lib/deps.ts";
import { readLetta, required } from "../lib/stacks.ts";
import { type LogsOptions, showLogs } from "../stacks/logs.ts";

/** Shows the logs of the letta stack, or of one of its services. */
export async function lettaLogs(
  options: Omit<LogsOptions, "containers"> & { lettaStack: string },
  deps: Deps,
): Promise<number> {
  const letta = required(await readLetta(deps, options.lettaStack), options.lettaStack, "make letta-start");
  return showLogs({ ...options, containers: letta.containers }, deps);
}
