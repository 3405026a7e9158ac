import { existsSync } from "node:fs";
import { UserError } from "../../infra/lib/errors.ts";
import { projectEnvironment } from "./checkout.ts";
import type { Deps } from "./deps.ts";
import { repeatableUpdate, settleUnchanged } from "./last-update/unchanged.ts";
import { up } from "./pulumi.ts";
import { knownStacks } from "./pulumi-cli.ts";
import { repair } from "./repair.ts";
import { readStateFile } from "./state-file.ts";

/** How a stack is brought up. */
export interface BringUpOptions {
  /** Runs an update although nothing seems to have changed. Default: false. */
  readonly force?: boolean | undefined;
  /** Asked before an update runs, which it prevents by false. Default: it may. */
  readonly mayUpdate?: (() => Promise<boolean>) | undefined;
}

/**
 * Brings a stack up as configured: without Pulumi where nothing but containers that stopped is in the way, else by an update
 * after repairing what a killed run left behind.
 *
 * Knows nothing of interrupted operations: `letta start` settles them first, other commands refuse to run with
 * `requireNoOperation`.
 *
 * @returns false when an update was needed and `mayUpdate` prevented it
 * @throws UserError when the stack is not set up, another run is at work on it, or it does not come up
 */
export async function bringUp(deps: Deps, stack: string, options: BringUpOptions = {}): Promise<boolean> {
  const { force = false, mayUpdate = async () => true } = options;
  await requireSetup(deps, stack);
  if (!force && (await isAsLastUpdated(deps, stack))) {
    deps.print(`stack ${stack} is up, as it was last updated`);
    return true;
  }
  if (!(await mayUpdate())) return false;
  await repair(deps, stack);
  await up(deps, stack);
  return true;
}

async function isAsLastUpdated(deps: Deps, stack: string): Promise<boolean> {
  const last = await repeatableUpdate(deps, stack);
  if (last === undefined) return false;
  try {
    return await settleUnchanged(deps, stack, last);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`stack ${stack} did not come up\n${error.message}`) : error;
  }
}

/** @throws UserError when setup has not been run for this stack, or the engine does not answer */
export async function requireSetup(deps: Deps, stack: string): Promise<void> {
  await deps.engine.requireEngine();
  if (await isSetUp(deps, stack)) return;
  throw new UserError(`stack ${stack} is not set up`, "make setup");
}

/** True once setup has made this stack. */
export async function isSetUp(deps: Deps, stack: string): Promise<boolean> {
  const { PULUMI_CONFIG_PASSPHRASE: passphrase, PULUMI_CONFIG_PASSPHRASE_FILE: file = "" } = projectEnvironment();
  const hasPassphrase = passphrase !== undefined || existsSync(file);
  if (!hasPassphrase) return false;
  return (await readStateFile(deps, stack)) !== undefined || (await knownStacks(deps)).includes(stack);
}
