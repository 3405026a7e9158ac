import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation } from "../lib/operation.ts";
import type { UpgradeOperation } from "./operation.ts";
import type { Preparation } from "./prepare.ts";
import { type Outcome, renderReport, writeReport } from "./report.ts";
import { abandon } from "./resume.ts";
import { finish, type Run } from "./steps.ts";

/** What an upgrade came to; the JSON that machines get. */
export interface UpgradeResult extends Partial<Preparation> {
  readonly result: Outcome["result"] | "rehearsed" | "up to date";
  readonly problem?: string;
  readonly operation?: UpgradeOperation;
  /** Path of the page on it. */
  readonly report?: string;
}

/** Does what comes before the switch; when it fails, the old version goes on, and the result says why. */
export async function attempt<Value extends object>(
  run: Run,
  operation: UpgradeOperation,
  work: () => Promise<Value>,
): Promise<Value | UpgradeResult> {
  try {
    return await work();
  } catch (error) {
    const problem = (error as Error).message;
    run.deps.print(`the upgrade is not begun: ${problem}`);
    const current = (await readOperation<UpgradeOperation>(run.deps, operation.stack)) ?? operation;
    await abandon(run, current);
    return report(run.deps, current, { result: "not begun", problem });
  }
}

/** Does all that is left from the switch on, and writes the page on it. @throws UserError when the way back fails too */
export async function conclude(run: Run, begun: UpgradeOperation): Promise<UpgradeResult> {
  try {
    const { operation, outcome } = await finish(run, begun);
    return await report(run.deps, operation, outcome);
  } catch (error) {
    throw new UserError(
      `the upgrade of stack ${begun.stack} has not come to its end: ${(error as Error).message}`,
      "make letta-upgrade RESUME=1, once what it names is fixed; clients are told to wait until then",
    );
  }
}

/** Shows and keeps the page on an upgrade that has ended. */
export async function report(deps: Deps, operation: UpgradeOperation, outcome: Outcome): Promise<UpgradeResult> {
  const lines = renderReport(operation, outcome);
  const path = await writeReport(deps, operation, lines);
  deps.print("");
  for (const line of lines) deps.print(line);
  deps.print(`this page: ${path}`);
  return { ...outcome, operation, report: path };
}
