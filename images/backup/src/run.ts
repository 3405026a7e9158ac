import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BackupError } from "./errors.ts";
import { postgresUser } from "./paths.ts";

/** How a program is run. */
export interface RunOptions {
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: Postgres' user where this process may change its user, else its own. */
  readonly asRoot?: boolean;
  /** What the program reads; default: nothing. */
  readonly input?: Readable | string;
  /** Each line of both of its outputs, as it comes; then `stdout` is empty. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last 100 lines of both outputs, for messages. */
  readonly lastLines: readonly string[];
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
  const keep = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > 100) lastLines.shift();
    options.onLine?.(line);
  };
  const read = async (stream: Readable | null, isOutput: boolean) => {
    if (stream === null) return;
    for await (const line of createInterface({ input: stream })) {
      if (isOutput && options.onLine === undefined) stdout.push(line);
      keep(line);
    }
  };
  feed(child, options.input);
  const [exitCode] = await Promise.all([ended(child, file), read(child.stdout, true), read(child.stderr, false)]);
  return { exitCode, stdout: stdout.join("\n"), lastLines };
}

/** Like {@link run}, but an exit code other than 0 throws. @throws BackupError with the last lines */
export async function output(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(file, args, options);
  if (result.exitCode !== 0) throw failure(file, result);
  return result.stdout;
}

/** The error of a program that failed. */
export function failure(file: string, { exitCode, lastLines }: Pick<RunResult, "exitCode" | "lastLines">): BackupError {
  const said = lastLines.filter((line) => line.trim() !== "").slice(-8);
  return new BackupError(`${file} ended with exit code ${exitCode}${said.map((line) => `\n    ${line}`).join("")}`);
}

/** A program in a chain: its name, its arguments and how it is run. */
export type Stage = readonly [file: string, args: readonly string[], options?: RunOptions];

/**
 * Runs programs with each one's output as the next one's input. The first reads `input`, the last one writes to `sink`.
 *
 * @throws BackupError of the first program in the chain that failed
 */
export async function chain(
  stages: readonly Stage[],
  ends: { input?: Readable; sink?: NodeJS.WritableStream; onBytes?: (bytes: number) => void } = {},
): Promise<void> {
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
  if (ends.input !== undefined) pipes.push(pipeline(ends.input, first?.stdin as NodeJS.WritableStream));
  else if (first !== undefined) feed(first, stages[0]?.[2]?.input);
  for (const [index, { child }] of running.entries()) {
    const next = running[index + 1]?.child.stdin ?? ends.sink;
    if (index === 0 && ends.onBytes !== undefined) countBytes(child, ends.onBytes);
    if (next === undefined) child.stdout?.resume();
    else
      pipes.push(pipeline(child.stdout as Readable, next as NodeJS.WritableStream, { end: next !== process.stdout }));
  }
  // A pipe breaks when the program behind it fails, and the program says why better than the pipe.
  const broken = await Promise.allSettled(pipes);
  for (const { file, lines, done } of running) {
    const exitCode = await done;
    if (exitCode !== 0) throw failure(file, { exitCode, lastLines: lines });
  }
  for (const pipe of broken) if (pipe.status === "rejected") throw pipe.reason;
}

function countBytes(child: ChildProcess, onBytes: (bytes: number) => void): void {
  let bytes = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    onBytes(bytes);
  });
}

function feed(child: ChildProcess, input: Readable | string | undefined): void {
  // A program that ends without reading its input must not end this process.
  child.stdin?.on("error", () => {});
  if (input === undefined || typeof input === "string") child.stdin?.end(input ?? "");
  else input.pipe(child.stdin as NodeJS.WritableStream);
}

/** The exit code; 128 and more for a signal, as a shell tells it. */
export function ended(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") reject(new BackupError(`${file} is not in this image`, "make setup"));
      else reject(error);
    });
    child.once("close", (code) => resolve(code ?? 137));
  });
}
