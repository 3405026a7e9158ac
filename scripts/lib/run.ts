import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const linesInError = 20;

export interface RunOptions {
  /** Default: this process's. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string;
  /** Gets every line of both streams. A line for which it returns `progress` is not part of an error. */
  readonly onLine?: (line: string) => unknown;
  /** What the operator can do about a failure; ends the error message. */
  readonly hint?: string;
}

/** Runs a program to its end. @returns its output, without progress @throws Error with the last 20 lines of it */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { onLine = () => {}, hint = "" } = options;
  const lines: string[] = [];
  const status = await exitStatus(command, args, options, "pipe", (line) => {
    if (onLine(line) !== "progress") lines.push(line);
  });
  if (status === 0) return lines.join("\n");
  const tail = lines.slice(-linesInError).map((line) => `  ${line}`);
  throw new Error([`${command} ${args[0] ?? ""} failed (${status})`, ...tail, hint].join("\n").trim());
}

/** The answer of a program to a question; undefined when it is missing, fails or prints nothing. */
export async function ask(
  command: string,
  args: readonly string[],
  options: Pick<RunOptions, "env" | "cwd"> = {},
): Promise<string | undefined> {
  const lines: string[] = [];
  const status = await exitStatus(command, args, options, "ignore", (line) => lines.push(line));
  return status === 0 ? lines.join("\n").trim() || undefined : undefined;
}

function exitStatus(
  command: string,
  args: readonly string[],
  { env, cwd }: RunOptions,
  stderr: "pipe" | "ignore",
  onLine: (line: string) => void,
): Promise<number | string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", stderr] });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", onLine);
    }
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
}
