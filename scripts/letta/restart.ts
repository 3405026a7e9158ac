import type { Deps } from "../lib/deps.ts";
import { startLetta } from "./start.ts";
import { type StopOptions, stopLetta } from "./stop.ts";

/** Stops the letta stack and brings it up again. */
export async function restartLetta(options: StopOptions, deps: Deps): Promise<number> {
  const exitCode = await stopLetta(options, deps);
  return exitCode === 0 ? startLetta(options, deps) : exitCode;
}
