import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { createLogUpdate } from "log-update";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { formatTime } from "../lib/format.ts";
import { collectAll, render, type StatusOptions } from "./command.ts";

/** Time between two looks, in seconds. */
const everySeconds = 2;

/** Everything, with the cursor at the top. */
const clearScreen = "\x1b[2J\x1b[H";

/** What is drawn on, and what ends it. */
export interface Screen {
  readonly stream: NodeJS.WritableStream & { readonly columns?: number; readonly rows?: number };
  readonly signal: AbortSignal;
}

/** Shows the status in place until Ctrl-C. @throws UserError without a terminal */
export async function watchStatus(options: StatusOptions, deps: Deps, screen = terminal()): Promise<number> {
  if (options.json) throw new UserError("WATCH=1 draws tables, not JSON", "make status JSON=1, as often as you like");
  if (!deps.isTerminal) throw new UserError("WATCH=1 needs a terminal to draw on", "make status");
  const { stream, signal } = screen;
  const draw = createLogUpdate(stream as NodeJS.WriteStream);
  const end = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => end.resolve());
  draw("asking…");
  let width = stream.columns ?? 80;
  while (!signal.aborted) {
    const stacks = await Promise.race([collectAll(options, deps), end.promise]);
    if (stacks === undefined) break;
    const { columns = 80, rows = 24 } = stream;
    if (columns !== width) {
      // The terminal has wrapped what is there, so nobody knows where it begins.
      draw.clear();
      stream.write(clearScreen);
      width = columns;
    }
    const lines = stacks.flatMap((stack) => render(stack, columns));
    const foot = `${formatTime(Date.now())}, again every ${everySeconds} s; Ctrl-C ends it`;
    draw(
      fitted([...lines, foot], columns, rows)
        .map((line) => colored(line, stream))
        .join("\n"),
    );
    await sleep(everySeconds * 1000, undefined, { signal }).catch(() => {});
  }
  draw.done();
  return 0;
}

/** Lines for a terminal of this size: what is longer is cut, since a line that wraps could not be drawn over. */
export function fitted(lines: readonly string[], columns: number, rows: number): string[] {
  // One row stays free for the cursor.
  const most = Math.max(2, rows - 1);
  const all = lines.flatMap((line) => line.split("\n"));
  const shown =
    all.length <= most ? all : [...all.slice(0, most - 2), `… ${all.length - most + 1} more lines`, ...all.slice(-1)];
  return shown.map((line) => (line.length > columns ? `${line.slice(0, columns - 1)}…` : line));
}

/** Red for what is wrong, unless the terminal or NO_COLOR wants none. */
function colored(line: string, stream: Screen["stream"]): string {
  const red = (text: string) => styleText("red", text, { stream: stream as NodeJS.WriteStream });
  return line.replace(/NOT healthy|unhealthy|missing|exited|FAILED|\w+ problem/g, red);
}

function terminal(): Screen {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => controller.abort());
  return { stream: process.stdout, signal: controller.signal };
}
