import { startLetta } from "../letta/start.ts";
import { requireSetup } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { readLetta, readThoth, required, stopContainers } from "../lib/stacks.ts";
import { vaultGaps } from "../lib/vault.ts";

export interface StartThothOptions {
  readonly stack: string;
  readonly lettaStack: string;
  /** Start Letta without asking if it is down. */
  readonly yes: boolean;
}

/** Brings the thoth stack up, after the letta stack if that is down. */
export async function startThoth(options: StartThothOptions, deps: Deps): Promise<number> {
  await requireSetup(deps, options.stack);
  if (await isLettaDown(options, deps)) {
    const question = `the letta stack "${options.lettaStack}" is down, and Thoth needs it: start it?`;
    if (!(await confirm(deps, { yes: options.yes, question }))) return 1;
    await startLetta({ stack: options.lettaStack }, deps);
  }
  await repair(deps, options.stack);
  await up(deps, options.stack);
  const thoth = await readThoth(deps, options.stack);
  for (const gap of thoth === undefined ? [] : vaultGaps(thoth)) deps.print(gap);
  return 0;
}

async function isLettaDown({ lettaStack }: StartThothOptions, deps: Deps): Promise<boolean> {
  const letta = await readLetta(deps, lettaStack);
  if (letta === undefined) return true;
  // Thoth needs no backups; status reports their problems.
  const needed = letta.containers.filter(
    (name) => name !== letta.backup?.container && name !== letta.backup?.drillContainer,
  );
  const states = await Promise.all(needed.map((name) => deps.engine.inspectContainer(name)));
  return states.some((state) => !state?.State.Running || state.State.Health?.Status === "unhealthy");
}

/** Stops Thoth's containers. The vault and the database stay, and a start brings them back in seconds. */
export async function stopThoth({ stack }: { readonly stack: string }, deps: Deps): Promise<number> {
  const thoth = required(await readThoth(deps, stack), stack, "make thoth-start");
  await stopContainers(deps, [thoth.containers]);
  deps.print(`stack ${stack} is stopped: make thoth-start`);
  return 0;
}

/** Stops Thoth and brings it up again; Letta is not touched. */
export async function restartThoth(options: StartThothOptions, deps: Deps): Promise<number> {
  await stopThoth(options, deps);
  return startThoth(options, deps);
}
