import type { Deps } from "../lib/deps.ts";
import { readThoth, required, stopContainers } from "../lib/stacks.ts";

/** Stops Thoth's containers. The vault and the database stay, and a start brings them back in seconds. */
export async function stopThoth({ stack }: { stack: string }, deps: Deps): Promise<number> {
  const thoth = required(await readThoth(deps, stack), stack, "make thoth-start");
  await stopContainers(deps, [thoth.containers]);
  deps.print(`stack ${stack} is stopped: make thoth-start`);
  return 0;
}
