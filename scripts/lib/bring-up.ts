import { existsSync } from "node:fs";
import { UserError } from "../../infra/lib/errors.ts";
import { paths } from "./checkout.ts";
import type { Deps } from "./deps.ts";
import { up } from "./pulumi.ts";
import { knownStacks } from "./pulumi-cli.ts";
import { repair } from "./repair.ts";

/**
 * Repairs what a killed run left behind, then brings a stack up as configured.
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

/** @throws UserError when setup has not been run for this stack, or the engine does not answer */
export async function requireSetup(deps: Deps, stack: string): Promise<void> {
  await deps.engine.requireEngine();
  const hasPassphrase = process.env.PULUMI_CONFIG_PASSPHRASE !== undefined || existsSync(paths.passphrase);
  if (hasPassphrase && (await knownStacks(deps)).includes(stack)) return;
  throw new UserError(`stack ${stack} is not set up`, "make setup");
}
