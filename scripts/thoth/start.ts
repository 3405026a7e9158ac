import { startLetta } from "../letta/start.ts";
import { type BringUpOptions, bringUp, requireSetup } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf } from "../lib/stack-file.ts";
import { readLetta, readThoth, required, stopContainers } from "../lib/stacks.ts";
import { thothGaps } from "../lib/thoth-gaps.ts";

export interface StartThothOptions extends BringUpOptions {
  readonly stack: string;
  readonly lettaStack: string;
  /** Start Letta without asking if it is down. */
  readonly yes: boolean;
}

/** Brings the thoth stack up, after the letta stack if that is down, and tells what Thoth lacks to be of use. */
export async function startThoth(options: StartThothOptions, deps: Deps): Promise<number> {
  const exitCode = await bringThothUp(options, deps);
  if (exitCode === 0) await tellGaps(options, deps);
  return exitCode;
}

async function bringThothUp(options: StartThothOptions, deps: Deps): Promise<number> {
  await requireSetup(deps, options.stack);
  if (await isLettaDown(options, deps)) {
    const question = `the letta stack "${options.lettaStack}" is down, and Thoth needs it: start it?`;
    if (!(await confirm(deps, { yes: options.yes, question }))) return 1;
    await startLetta({ stack: options.lettaStack }, deps);
  }
  await bringUp(deps, options.stack, options);
  return 0;
}

async function tellGaps({ stack, lettaStack }: StartThothOptions, deps: Deps): Promise<void> {
  const thoth = await readThoth(deps, stack);
  if (thoth === undefined || thoth.isStandIn) return;
  const letta = await readLetta(deps, lettaStack);
  for (const gap of await thothGaps({ stack, thoth, letta }, deps)) deps.print(gap);
}

async function isLettaDown({ lettaStack }: StartThothOptions, deps: Deps): Promise<boolean> {
  const letta = await readLetta(deps, lettaStack);
  if (letta === undefined) return true;
  // Thoth needs neither backups nor the status page; status reports their problems.
  const unneeded = [letta.backup?.container, letta.backup?.drillContainer, namesOf(deps, lettaStack).page];
  const needed = letta.containers.filter((name) => !unneeded.includes(name));
  return (await Promise.all(needed.map((name) => isDown(name, deps)))).includes(true);
}

async function isDown(name: string, deps: Deps): Promise<boolean> {
  const state = await deps.engine.inspectContainer(name);
  if (!state?.State.Running) return true;
  // The engine's own verdict may be of a while ago.
  return state.State.Health?.Status === "unhealthy" && (await deps.engine.runHealthCheck(name)) !== undefined;
}

/**
 * Stops Thoth's containers. The vault and the database stay, and a start brings them back in seconds.
 *
 * @param command what starts it again; default: `make thoth-start`
 */
export async function stopThoth(
  { stack, command = "make thoth-start" }: { readonly stack: string; readonly command?: string },
  deps: Deps,
): Promise<number> {
  const thoth = required(await readThoth(deps, stack), stack, command);
  await stopContainers(deps, [thoth.containers]);
  deps.print(`stack ${stack} is stopped: ${command}`);
  return 0;
}

/**
 * Brings Thoth up as configured, then restarts those of its containers that this did not replace or start, all at once.
 *
 * So what is configured has proven to work before anything stops. Letta is not touched.
 */
export async function restartThoth(options: StartThothOptions, deps: Deps): Promise<number> {
  const before = await startTimes(deps, options.stack);
  const exitCode = await bringThothUp(options, deps);
  if (exitCode !== 0) return exitCode;
  const after = await startTimes(deps, options.stack);
  const due = [...after].filter(([name, startedAt]) => before.get(name) === startedAt).map(([name]) => name);
  if (due.length > 0) deps.print(`restarting ${due.join(", ")}`);
  await Promise.all(due.map((name) => deps.engine.changeContainer(name, "restart")));
  await bringUp(deps, options.stack);
  await tellGaps(options, deps);
  return 0;
}

/** When each of Thoth's containers was started: name -> time. */
async function startTimes(deps: Deps, stack: string): Promise<Map<string, string | undefined>> {
  const names = (await readThoth(deps, stack))?.containers ?? [];
  const states = await Promise.all(names.map((name) => deps.engine.inspectContainer(name)));
  return new Map(names.map((name, index) => [name, states[index]?.State.StartedAt]));
}
