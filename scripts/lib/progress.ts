import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import type { Deps } from "./deps.ts";

/** Takes one line of progress. */
export type Report = (line: string) => void;

/** Work that takes a while. */
export interface Work {
  /** One word, which starts each progress line in a log. */
  readonly id: string;
  /** What a person reads next to the progress mark. */
  readonly title: string;
  /** Shows nothing, because only the result may be printed; default false. */
  readonly isSilent?: boolean;
}

/** Shows the progress of work, on a terminal or as occasional lines. @returns what the work returns */
export async function withProgress<Value>(
  deps: Deps,
  { id, title, isSilent = false }: Work,
  work: (report: Report) => Promise<Value>,
): Promise<Value> {
  if (isSilent) return work(() => {});
  let report: Report = () => {};
  const running = work((line) => report(line));
  const failure = running.then(() => undefined, firstLine);
  const task: ListrTask = {
    title,
    async task(_context, shown) {
      report = progressOf(shown, id, deps);
      const error = await failure;
      if (error !== undefined) throw error;
    },
  };
  await taskList([task], deps).run();
  return running;
}

/** Tasks that run at the same time, drawn on a terminal, or as plain lines; one that fails does not end the others. */
export function taskList(tasks: ListrTask[], { isTerminal }: Pick<Deps, "isTerminal">) {
  return new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    renderer: isTerminal ? "default" : "simple",
    rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
  });
}

/** Shows progress under a task; in a log, each line starts with the id. */
export function progressOf(task: { output: string }, id: string, { isTerminal }: Pick<Deps, "isTerminal">): Report {
  return throttled(isTerminal, (line) => {
    task.output = isTerminal ? line : `${id}: ${line}`;
  });
}

/** A failure as short as a task list can show it. */
export function firstLine(error: unknown): Error {
  return new Error(String((error as Error).message).split("\n", 1)[0]);
}

/** A terminal replaces the last line with each new one; a log file gets one line per interval. */
const logEverySeconds = 10;
const longestLine = 100;

/** Shortens lines to 100 characters; without a terminal it passes on one line in ten seconds. */
export function throttled(isTerminal: boolean, show: Report, now = Date.now): Report {
  let next = 0;
  return (line) => {
    if (!isTerminal && now() < next) return;
    next = now() + logEverySeconds * 1000;
    show(line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line);
  };
}
