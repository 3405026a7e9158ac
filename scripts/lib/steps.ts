import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import type { Deps } from "./deps.ts";

/** One resumable unit of setup: it can tell that it is done, and doing it again fixes what an interrupted run left. */
export interface Step {
  /** Unique within one setup run, e.g. `image-letta`. */
  readonly id: string;
  /** What a person reads beside the progress mark, e.g. "Pulumi CLI 3.256.0, built from Go modules". */
  readonly title: string;
  /** Ids of the steps that must be done first. */
  readonly needs?: readonly string[];
  /** True when an earlier run's result is there and current; must answer in well under a second. */
  isDone(): Promise<boolean>;
  /** Does the work. `report` shows one line of progress. A failure throws with the last lines of what was printed. */
  run(report: (line: string) => void): Promise<void>;
}

/**
 * Runs the steps that are not done, each as soon as those it needs are; returns how many ran.
 *
 * @throws what the first one that failed did, when all that did not need it have ended
 */
export async function runSteps(steps: readonly Step[], deps: Deps): Promise<number> {
  const isDone = await Promise.all(steps.map((step) => step.isDone()));
  const pending = steps.filter((_, index) => !isDone[index]);
  if (pending.length === 0) return 0;
  const run: Run = { outcomes: new Map(pending.map(({ id }) => [id, Promise.withResolvers()])), failures: [] };
  await new Listr(
    pending.map((step) => toTask(step, run, deps)),
    {
      concurrent: true,
      exitOnError: false,
      renderer: deps.isTerminal ? "default" : "simple",
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
    },
  ).run();
  if (run.failures.length > 0) throw run.failures[0];
  return pending.length;
}

/** What the steps of one run know of each other. */
interface Run {
  /** Whether the step of this id has worked. */
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
        await step.run(
          progress(deps.isTerminal, (line) => {
            task.output = deps.isTerminal ? line : `${step.id}: ${line}`;
          }),
        );
        settle(true);
      } catch (error) {
        failures.push(error);
        settle(false);
        // The whole of it is told once, at the end.
        throw new Error(String((error as Error).message).split("\n", 1)[0]);
      }
    },
  };
}

/** A terminal shows each line in the place of the last; a log file gets one now and then. */
const logEverySeconds = 10;
const longestLine = 100;

/** Progress lines as they are fit to be shown: short, and in a log not too many. */
export function progress(isTerminal: boolean, show: (line: string) => void, now = Date.now): (line: string) => void {
  let next = 0;
  return (line) => {
    if (!isTerminal && now() < next) return;
    next = now() + logEverySeconds * 1000;
    show(line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line);
  };
}
