import type { Deps } from "../lib/deps.ts";
import { type StartThothOptions, startThoth } from "./start.ts";
import { stopThoth } from "./stop.ts";

/** Stops Thoth and brings it up again; Letta is not touched. */
export async function restartThoth(options: StartThothOptions, deps: Deps): Promise<number> {
  await stopThoth(options, deps);
  return startThoth(options, deps);
}
