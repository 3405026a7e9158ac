import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const TAIL_LINES = 20;

/** What a child process is run with, and what becomes of its output. */
export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Gets every line of output, from both streams. */
  readonly onLine?: (line: string) => void;
  /** What the operator can do about a failure; ends the error message. */
  readonly hint?: string;
}

/** Runs a program to its end and returns its output; throws with the last 20 lines when it fails. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const lines: string[] = [];
  const status = await exitStatus(command, args, options.env, (line) => {
    lines.push(line);
    options.onLine?.(line);
  });
  if (status === 0) return lines.join("\n");
  const tail = lines.slice(-TAIL_LINES).map((line) => `  ${line}`);
  throw new Error([`${command} ${args[0] ?? ""} failed (${status})`, ...tail, options.hint ?? ""].join("\n").trim());
}

/** The output of a program that only answers a question; undefined when it is missing, fails or says nothing. */
export async function ask(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const lines: string[] = [];
  const status = await exitStatus(command, args, env, (line) => lines.push(line), "ignore");
  return status === 0 ? lines.join("\n").trim() || undefined : undefined;
}

function exitStatus(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void,
  stderr: "pipe" | "ignore" = "pipe",
): Promise<number | string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", stderr] });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on("line", onLine);
    }
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
}
