import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";
import { isAlive, ownProgram } from "./process.ts";
import { namesOf } from "./stack-file.ts";
import { readJsonFile, writeWholeJson } from "./whole-file.ts";

/** A change of a stack in several steps, recorded until it has ended, so that a killed one can be resumed. */
export interface Operation {
  /** E.g. `server-restore`; decides which code can resume it. */
  readonly kind: string;
  readonly stack: string;
  /** When it began: 14 digits, part of the names of what it makes. */
  readonly id: string;
  /** The command that resumes it. Default: `make restore-resume`. */
  readonly resume?: string;
  /** The current step. Each step can be repeated from its start. */
  readonly phase: string;
  /** The process that runs it. */
  readonly process: { readonly pid: number; readonly program?: string | undefined; readonly hostname: string };
}

const usualResume = "make restore-resume";

/** An operation before it is saved for the first time. */
export type NewOperation<Kind extends Operation> = Omit<Kind, "process">;

/** The present moment for use in names, e.g. `20261122223503`, in UTC. */
export function stamp(now = new Date()): string {
  return now.toISOString().replace(/\D/g, "").slice(0, 14);
}

/** @throws UserError when an operation is running, or was interrupted and not resumed */
export async function requireNoOperation(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation(deps, stack);
  if (unfinished === undefined) return;
  requireEnded(unfinished);
  const { resume = usualResume, phase } = unfinished;
  throw new UserError(`${title(unfinished)} was interrupted (${phase})`, resume);
}

/** The stack's unfinished operation, or undefined when there is none. */
export async function readOperation<Kind extends Operation>(deps: Deps, stack: string): Promise<Kind | undefined> {
  return readJsonFile<Kind>(operationFile(deps, stack));
}

/** @throws UserError while the operation's process is alive */
export function requireEnded(operation: Operation): void {
  const { pid, program, hostname: host } = operation.process;
  if (host === hostname() && (pid === process.pid || !isAlive(pid, program))) return;
  throw new UserError(`${title(operation)} is running (process ${pid} on ${host})`, "wait for it to end");
}

/** E.g. `server restore of stack letta`. */
function title({ kind, stack }: Operation): string {
  return `${kind.replaceAll("-", " ")} of stack ${stack}`;
}

/** Atomically records that this process runs the operation. @returns the record */
export async function saveOperation<Kind extends Operation>(deps: Deps, operation: NewOperation<Kind>): Promise<Kind> {
  const saved = { ...operation, process: { pid: process.pid, program: ownProgram(), hostname: hostname() } } as Kind;
  await writeWholeJson(operationFile(deps, operation.stack), saved);
  await tellOperation(deps, operation.stack, saved);
  return saved;
}

/** Deletes the record of an operation that has ended. */
export async function endOperation(deps: Deps, { stack }: Pick<Operation, "stack">): Promise<void> {
  await rm(operationFile(deps, stack), { force: true });
  await tellOperation(deps, stack, undefined);
}

/** Tells the status page which operation has not ended. */
export async function tellOperation(deps: Deps, stack: string, unfinished: Operation | undefined): Promise<void> {
  const { kind, phase, resume = usualResume } = unfinished ?? { kind: "", phase: "" };
  const operation = unfinished === undefined ? null : { kind, phase, resume };
  await deps.tellPage(namesOf(deps, stack).page, "operation", { at: new Date().toISOString(), operation });
}

function operationFile({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string): string {
  return join(projectDirectory, ".state/operations", `${stack}.json`);
}
