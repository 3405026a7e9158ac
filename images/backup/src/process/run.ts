import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { postgresUser } from "../contract.ts";
import { BackupError } from "../errors.ts";

/** How a program runs. */
export interface RunOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: as Postgres' user where this process may change its user, else as its own. */
  readonly asRoot?: boolean;
  /** Its standard input; default: empty. */
  readonly input?: string;
  /** Called with each line of both outputs; `stdout` is empty then. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last 100 lines of both outputs, for messages. */
  readonly lastLines: readonly string[];
}

/** A program in a pipe. */
export type Stage = readonly [file: string, args: readonly string[], options?: RunOptions];

/** Where a pipe begins and ends. */
interface PipeEnds {
  readonly input?: Readable;
  readonly sink?: NodeJS.WritableStream;
  /** Called with the bytes that the first program has put out so far. */
  readonly onBytes?: (bytes: number) => void;
}

/** Starts a program as Postgres' user. */
export function start(file: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
  const isRoot = process.getuid?.() === 0;
  return spawn(file, [...args], {
    ...(isRoot && options.asRoot !== true ? postgresUser : {}),
    cwd: "/",
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** Runs a program to its end; never throws for an exit code. */
export async function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const child = start(file, args, options);
  const stdout: string[] = [];
  const lastLines: string[] = [];
  const read = async (stream: Readable | null, isOutput: boolean) => {
    for await (const line of createInterface({ input: stream as Readable })) {
      if (isOutput && options.onLine === undefined) stdout.push(line);
      lastLines.push(line);
      if (lastLines.length > 100) lastLines.shift();
      options.onLine?.(line);
    }
  };
  feed(child, options.input);
  const [exitCode] = await Promise.all([ended(child, file), read(child.stdout, true), read(child.stderr, false)]);
  return { exitCode, stdout: stdout.join("\n"), lastLines };
}

/** A program's output. @throws BackupError with its last lines when its exit code is not 0 */
export async function output(
  world: { readonly run: typeof run },
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await world.run(file, args, options);
  if (result.exitCode !== 0) throw failure(file, result);
  return result.stdout;
}

/** The error of a program that failed. */
export function failure(file: string, { exitCode, lastLines }: Pick<RunResult, "exitCode" | "lastLines">): BackupError {
  const said = lastLines.filter((line) => line.trim() !== "").slice(-8);
  return new BackupError(`${file} ended with exit code ${exitCode}${said.map((line) => `\n    ${line}`).join("")}`);
}

/**
 * Runs programs with each one's output as the input of the next.
 *
 * @throws BackupError of the first program that failed
 */
export async function pipe(stages: readonly Stage[], { input, sink, onBytes }: PipeEnds = {}): Promise<void> {
  const running = stages.map(([file, args, options]) => {
    const child = start(file, args, options);
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of createInterface({ input: child.stderr as Readable })) lines.push(line);
    })();
    return { file, child, lines, done: Promise.all([ended(child, file), reading]).then(([code]) => code) };
  });
  const pipes: Promise<unknown>[] = [];
  const first = running[0]?.child;
  if (input !== undefined) pipes.push(pipeline(input, first?.stdin as NodeJS.WritableStream));
  else if (first !== undefined) feed(first, stages[0]?.[2]?.input);
  if (onBytes !== undefined) countBytes(first, onBytes);
  for (const [index, { child }] of running.entries()) {
    const next = running[index + 1]?.child.stdin ?? sink;
    if (next === undefined) child.stdout?.resume();
    else
      pipes.push(pipeline(child.stdout as Readable, next as NodeJS.WritableStream, { end: next !== process.stdout }));
  }
  // A pipe breaks when the program after it fails, and the program says why better than the pipe.
  const broken = await Promise.allSettled(pipes);
  for (const { file, lines, done } of running) {
    const exitCode = await done;
    if (exitCode !== 0) throw failure(file, { exitCode, lastLines: lines });
  }
  for (const result of broken) if (result.status === "rejected") throw result.reason;
}

function countBytes(child: ChildProcess | undefined, onBytes: (bytes: number) => void): void {
  let bytes = 0;
  child?.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    onBytes(bytes);
  });
}

function feed(child: ChildProcess, input = ""): void {
  // A program that ends without reading its input must not end this process.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
}

/** A program's exit code; 137 when a signal ended it. */
export function ended(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") reject(new BackupError(`${file} is not in this image`, "make setup"));
      else reject(error);
    });
    child.once("close", (code) => resolve(code ?? 137));
  });
}
