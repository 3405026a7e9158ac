import { startLetta } from "../letta/start.ts";
import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";
import { status } from "../status/command.ts";
import { startThoth } from "../thoth/start.ts";

/** From nothing to both stacks healthy: setup, letta, thoth, and what came of it. */
export async function upAll(options: { lettaStack: string; thothStack: string }, deps: Deps): Promise<number> {
  await setup(options, deps);
  await startLetta({ stack: options.lettaStack }, deps);
  await startThoth({ stack: options.thothStack, lettaStack: options.lettaStack, yes: true }, deps);
  return status({ ...options, scope: "all", json: false }, deps);
}
