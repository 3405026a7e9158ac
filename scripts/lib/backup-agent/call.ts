import { stripVTControlCharacters } from "node:util";
import type { BackupEvent } from "../../../images/backup/src/contract.ts";
import { engineError, notRunning } from "../../../infra/lib/docker/failures.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import type { Deps } from "../deps.ts";
import { formatBytes, formatDuration } from "../format.ts";
import type { Report } from "../progress.ts";

/** One command of the backup agent, with its input and output. */
export interface AgentCall {
  /** The agent's command, e.g. `now`, for messages. */
  readonly name: string;
  /** Arguments of the Docker CLI, the agent's command included. */
  readonly docker: readonly string[];
  /** What it reads first. Secrets go this way: arguments and environment are visible. */
  readonly input?: string;
  /** Path of a file on this host that it reads after that. */
  readonly inputFile?: string;
  /** Path of a file on this host for its output; its events are on standard error then. */
  readonly outputFile?: string;
  /** A program that reads its output: name, and arguments of the Docker CLI. */
  readonly consumer?: { readonly name: string; readonly docker: readonly string[] };
}

/** A command for the serving process in a container of the stack. */
export function inContainer(container: string, args: readonly string[], input?: string): AgentCall {
  const interactive = input === undefined ? [] : ["-i"];
  return {
    name: args[0] ?? "",
    docker: ["exec", ...interactive, container, "backup", ...args],
    ...(input === undefined ? {} : { input }),
  };
}

/**
 * Runs a command of the backup agent to its end.
 *
 * @returns its result
 * @throws UserError with what the agent, the engine, or the program that reads its output says
 */
export async function callAgent<Value>(deps: Deps, call: AgentCall, report: Report = () => {}): Promise<Value> {
  const running = start(deps, call);
  const unknown: string[] = [];
  let last: BackupEvent | undefined;
  for await (const line of running) {
    const event = parseEvent(line);
    if (event === undefined) unknown.push(line);
    else {
      last = event;
      const text = describeEvent(event);
      if (text !== undefined) report(text);
    }
  }
  const { exitCode, stderr } = await running;
  if (last?.event === "error") throw new UserError(last.problem, last.fix);
  if (last?.event === "result" && exitCode === 0) return last.value as Value;
  // With a result of the agent's, it is the other program that failed.
  const failed = last?.event === "result" && call.consumer !== undefined ? call.consumer.name : `backup ${call.name}`;
  throw failure(call, failed, [...unknown, ...stderr.split("\n"), `exit code ${exitCode}`]);
}

/** Runs a command that puts out a small text. @returns the text @throws as {@link callAgent} */
export async function readAgent(deps: Deps, call: Pick<AgentCall, "name" | "docker" | "input">): Promise<string> {
  const { exitCode, stdout, stderr } = await start(deps, call);
  const last = stderr
    .split("\n")
    .map(parseEvent)
    .findLast((event) => event !== undefined);
  if (last?.event === "error") throw new UserError(last.problem, last.fix);
  if (exitCode === 0) return stdout;
  throw failure(call, `backup ${call.name}`, [...stderr.split("\n"), `exit code ${exitCode}`]);
}

/** The data never passes through this process: it may be large. */
function start(deps: Deps, { docker, input = "", inputFile, outputFile, consumer }: AgentCall) {
  const $ = deps.$({ nothrow: true, input });
  // Descriptor 4 is the shell's own output: the events, while the data goes down the pipe.
  if (consumer !== undefined) return $`exec 4>&1; docker ${docker} 2>&4 | docker ${consumer.docker}`;
  if (outputFile !== undefined) return $`docker ${docker} 2>&1 >${outputFile}`;
  if (inputFile !== undefined) return $`cat - ${inputFile} | docker ${docker}`;
  return $`docker ${docker}`;
}

function parseEvent(line: string): BackupEvent | undefined {
  if (!line.startsWith('{"event":')) return undefined;
  try {
    return JSON.parse(line) as BackupEvent;
  } catch {
    return undefined;
  }
}

/** An event as one line for a person; undefined for those that end a command. */
export function describeEvent(event: BackupEvent): string | undefined {
  if (event.event === "step") return event.title;
  if (event.event === "log") return event.line;
  if (event.event !== "progress") return undefined;
  const { step, bytes, totalBytes, secondsLeft } = event;
  const share = totalBytes ? ` of ${formatBytes(totalBytes)}, ${Math.floor((bytes / totalBytes) * 100)} %` : "";
  const left = secondsLeft === null ? "" : `, ${formatDuration(secondsLeft)} left`;
  return `${step}: ${formatBytes(bytes)}${share}${left}`;
}

/** The error of a program that ended without a result. */
function failure({ docker }: Pick<AgentCall, "docker">, program: string, output: readonly string[]): Error {
  const lines = output.map((line) => stripVTControlCharacters(line).trim()).filter((line) => line !== "");
  const text = lines.join("\n");
  const known = engineError(text);
  if (known !== undefined) return known;
  const container = docker[0] === "exec" ? docker.find((word, index) => index > 0 && !word.startsWith("-")) : undefined;
  const stopped = container === undefined ? undefined : notRunning(container, text);
  if (stopped !== undefined) return stopped;
  const said = lines.slice(-8).map((line) => `\n    ${line}`);
  return new UserError(`${program} failed:${said.join("")}`);
}
