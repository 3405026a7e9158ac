import type { Deps } from "../lib/deps.ts";
import { readThoth, required } from "../lib/stacks.ts";
import { type LogsOptions, showLogs } from "../stacks/logs.ts";

/** Shows the logs of Thoth, or of one of its roles. */
export async function thothLogs(
  options: Omit<LogsOptions, "containers"> & { thothStack: string },
  deps: Deps,
): Promise<number> {
  const thoth = required(await readThoth(deps, options.thothStack), options.thothStack, "make thoth-start");
  return showLogs({ ...options, containers: thoth.containers }, deps);
}
