import type { ListrTask } from "listr2";
import type { Deps } from "./deps.ts";
import { firstLine, progressOf, type Report, taskList } from "./progress.ts";

/** One resumable unit of setup: it knows when it is done, and running it again repairs what an interrupted run left. */
export interface Step {
  /** Unique within one setup run, e.g. `image-letta`. */
  readonly id: string;
  /** What a person reads next to the progress mark, e.g. "Pulumi CLI 3.256.0, built from Go modules". */
  readonly title: string;
  /** Ids of the steps that must succeed first. */
  readonly needs?: readonly string[];
  /** True when an earlier run's result exists and is current; must answer in well under a second. */
  isDone(): Promise<boolean>;
  /** Does the work. A failure throws with the last lines of output. */
  run(report: Report): Promise<void>;
}

/**
 * Runs the steps that are not done, each as soon as those it needs have succeeded. @returns how many ran
 *
 * @throws the first failure, once the steps that do not depend on it have ended
 */
export async function runSteps(steps: readonly Step[], deps: Deps): Promise<number> {
  const isDone = await Promise.all(steps.map((step) => step.isDone()));
  const pending = steps.filter((_, index) => !isDone[index]);
  if (pending.length === 0) return 0;
  const run: Run = { outcomes: new Map(pending.map(({ id }) => [id, Promise.withResolvers()])), failures: [] };
  await taskList(
    pending.map((step) => toTask(step, run, deps)),
    deps,
  ).run();
  if (run.failures.length > 0) throw run.failures[0];
  return pending.length;
}

/** What the steps of one run share. */
interface Run {
  /** Step id -> whether it succeeded. */
  readonly outcomes: ReadonlyMap<string, PromiseWithResolvers<boolean>>;
  readonly failures: unknown[];
}

function toTask(step: Step, { outcomes, failures }: Run, deps: Deps): ListrTask {
  return {
    title: step.title,
    async task(_context, task) {
      const settle = (hasWorked: boolean) => outcomes.get(step.id)?.resolve(hasWorked);
      const needed = await Promise.all((step.needs ?? []).map((id) => outcomes.get(id)?.promise));
      if (needed.includes(false)) {
        settle(false);
        task.skip();
        return;
      }
      try {
        await step.run(progressOf(task, step.id, deps));
        settle(true);
      } catch (error) {
        failures.push(error);
        settle(false);
        // The caller reports the whole error once, at the end.
        throw firstLine(error);
      }
    },
  };
}
