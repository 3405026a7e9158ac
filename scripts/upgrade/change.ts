import { UserError } from "../../infra/lib/errors.ts";
import { bringUp } from "../lib/bring-up.ts";
import { findClients } from "../lib/clients.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { type NewOperation, readOperation, requireEnded, requireNoOperation, saveOperation } from "../lib/operation.ts";
import { removeCopy } from "./copy.ts";
import { type Change, enter, type Run, readRun } from "./operation.ts";
import { abandon, finish, keptDatabases, repairAfterKill, stop } from "./switch.ts";

/** How a change ended, and what machines get to know of it. */
export interface Outcome {
  readonly result: "done" | "returned" | "not begun" | "rehearsed" | "up to date";
  /** Why it was not done. */
  readonly problem?: string | undefined;
  /** Named restore point from right before the switch. */
  readonly point?: string | undefined;
  /** Databases that were kept for the operator to look at. */
  readonly kept?: readonly string[];
}

/** Options that every change has. */
export interface ChangeOptions {
  readonly stack: string;
  /** Prepare everything, and change nothing. */
  readonly dryRun: boolean;
  /** How long to wait for runs at work, in seconds. */
  readonly drainSeconds: number;
  readonly yes: boolean;
  /** Resume an interrupted one. */
  readonly resume: boolean;
}

/** Brings the stack up as its config has it, so that a change is all that changes. @throws UserError when one is unfinished */
export async function begin(deps: Deps, stack: string, kind: Change["kind"]): Promise<Run> {
  await requireNoOperation(deps, stack);
  await bringUp(deps, stack);
  return readRun(deps, stack, kind);
}

/**
 * Makes a change: prepares it next to the stack, stops Letta, switches, and goes back when that fails.
 *
 * @param prepare makes and checks everything that the switch needs; the stack must not notice
 */
export async function carryOut<Kind extends Change>(
  run: Run,
  planned: NewOperation<Kind>,
  options: ChangeOptions,
  prepare: (operation: Kind) => Promise<Partial<Change>>,
): Promise<Outcome> {
  const { deps, site } = run;
  let operation = await saveOperation<Kind>(deps, planned);
  try {
    operation = await enter(run, operation, await prepare(operation));
    await removeCopy(deps, site);
    const lines = await findClients(deps, site.stack, site.letta);
    const affects = { heading: "connected, and kept waiting while Letta is away:", lines };
    if (options.dryRun || !(await confirm(deps, { yes: options.yes, affects }))) {
      await abandon(run, operation);
      if (options.dryRun) deps.print("nothing was changed");
      return { result: "rehearsed" };
    }
    operation = await stop(run, operation, options.drainSeconds);
  } catch (error) {
    return giveUp(run, operation, (error as Error).message);
  }
  return conclude(run, operation);
}

/** Resumes an interrupted change: back where it had not come to the switch, else on, or back when that fails. */
export async function resumeChange(deps: Deps, stack: string, kind: Change["kind"]): Promise<Outcome> {
  const found = await readOperation<Change>(deps, stack);
  const title = `${kind === "letta-upgrade" ? "upgrade" : "adoption"} of stack ${stack}`;
  if (found?.kind !== kind) throw new UserError(`no ${title} was interrupted`, found?.resume);
  requireEnded(found);
  const operation = await saveOperation<Change>(deps, found);
  deps.print(`the ${title} was interrupted (${operation.phase})`);
  await repairAfterKill(deps, stack);
  const run = await readRun(deps, stack, kind);
  if (["prepare", "stop"].includes(operation.phase)) return giveUp(run, operation, "it was interrupted");
  return conclude(run, operation);
}

/** What `letta start` does with an interrupted change before it brings the stack up: the same as its `--resume`. */
export async function settleUpgrade(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation<Change>(deps, stack);
  if (unfinished?.kind !== "letta-upgrade" && unfinished?.kind !== "letta-adopt") return;
  await resumeChange(deps, stack, unfinished.kind);
}

/** The exit code of a command that made a change. */
export function exitCodeOf({ result }: Outcome, { dryRun }: Pick<ChangeOptions, "dryRun">): number {
  return result === "done" || result === "up to date" || (result === "rehearsed" && dryRun) ? 0 : 1;
}

async function giveUp(run: Run, begun: Change, problem: string): Promise<Outcome> {
  run.deps.print(`nothing was changed: ${problem}`);
  await abandon(run, (await readOperation<Change>(run.deps, begun.stack)) ?? begun);
  return { result: "not begun", problem };
}

async function conclude(run: Run, operation: Change): Promise<Outcome> {
  const { deps } = run;
  const { problem, point } = await finish(run, operation);
  const kept = await keptDatabases(run, operation);
  if (problem !== undefined) deps.print(`everything is as it was before: ${problem}`);
  else if (operation.kind === "letta-adopt") deps.print(`adopted: ${operation.databases.join(", ")}`);
  else deps.print(`${operation.what === "letta" ? "Letta" : "Postgres"} is at ${operation.to.version}`);
  if (operation.kind === "letta-adopt") deps.print(`kept: volume ${operation.volume} as it was`);
  if (kept.length > 0) deps.print(`kept: ${kept.join(", ")}; drop what you do not need`);
  return { result: problem === undefined ? "done" : "returned", problem, point, kept };
}
