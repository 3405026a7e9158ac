import { type BringUpOptions, bringUp } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { agreeToInterrupt, type InterruptionOptions } from "../lib/preview/interruption.ts";
import { readLetta, required } from "../lib/stacks.ts";
import { settleProjectRestore, settleServerRestore } from "../restore/resume.ts";
import { settleUpgrade } from "../upgrade/change.ts";
import { type StopOptions, stopLetta } from "./stop.ts";

/** As {@link startLetta}, after asking whether it may take Letta away from those who use it. */
export async function startLettaAsking(
  options: InterruptionOptions & Pick<BringUpOptions, "force">,
  deps: Deps,
): Promise<number> {
  const { stack, force } = options;
  return startLetta({ stack, force, mayUpdate: () => agreeToInterrupt(deps, options) }, deps);
}

/** Brings the letta stack up: the first time, or after a stop, a reboot, a changed config or an interrupted run. */
export async function startLetta(
  { stack, ...options }: { readonly stack: string } & BringUpOptions,
  deps: Deps,
): Promise<number> {
  await settleServerRestore(deps, stack);
  await settleUpgrade(deps, stack);
  if (!(await bringUp(deps, stack, options))) return 1;
  // Needs a Postgres that is up.
  await settleProjectRestore(deps, stack);
  return 0;
}

/** Stops the letta stack and brings it up again. */
export async function restartLetta(options: StopOptions, deps: Deps): Promise<number> {
  const exitCode = await stopLetta(options, deps);
  return exitCode === 0 ? startLetta(options, deps) : exitCode;
}

/** Brings the stack up, which migrates Letta's database where the configured version has migrations, and says so. */
export async function migrateLetta({ stack }: { readonly stack: string }, deps: Deps): Promise<number> {
  const before = (await readLetta(deps, stack))?.schemaVersion;
  await startLetta({ stack }, deps);
  const { schemaVersion } = required(await readLetta(deps, stack), stack, "make letta-start");
  const isCurrent = before === schemaVersion;
  const from = before === undefined ? "" : ` from ${before}`;
  deps.print(
    `Letta's schema: ${isCurrent ? `${schemaVersion}, nothing to migrate` : `migrated${from} to ${schemaVersion}`}`,
  );
  return 0;
}
