import type { Deps } from "./deps.ts";
import { up } from "./pulumi.ts";
import { repair } from "./repair.ts";
import { requireSetup } from "./require-setup.ts";

/**
 * Brings a stack up as its config has it, after it repaired what a killed run left.
 *
 * Knows nothing of interrupted operations: `letta start` settles them first, other commands refuse to run with
 * `requireNoOperation`.
 *
 * @throws UserError when the stack is not set up, another run is at work on it, or it does not come up
 */
export async function bringUp(deps: Deps, stack: string): Promise<void> {
  await requireSetup(deps, stack);
  await repair(deps, stack);
  await up(deps, stack);
}
