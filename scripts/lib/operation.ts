import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";
import { isAlive, ownProgram } from "./process.ts";
import { readJsonFile, writeWholeJson } from "./whole-file.ts";

/** A change of a stack in several steps, of which there is a record until it has ended: a killed one is gone on with. */
export interface Operation {
  /** What it is, e.g. `server-restore`; tells who can go on with it. */
  readonly kind: string;
  readonly stack: string;
  /** When it began: 14 digits, part of the names of what it makes. */
  readonly id: string;
  /** The command that goes on with it when it was killed; default: `make restore-resume`. */
  readonly resume?: string;
  /** The step that is being done. Each must be fit to be done again from its start. */
  readonly phase: string;
  /** Who does it. */
  readonly process: { readonly pid: number; readonly program?: string | undefined; readonly hostname: string };
}

/** What is written down at the start of an operation; the rest is known. */
export type NewOperation<Kind extends Operation> = Omit<Kind, "process">;

/** The moment as names have it, e.g. `20261122223503`, in UTC. */
export function stamp(now = new Date()): string {
  return now.toISOString().replace(/\D/g, "").slice(0, 14);
}

/** @throws UserError when one is unfinished, be it at work or killed */
export async function requireNoOperation(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation(deps, stack);
  if (unfinished === undefined) return;
  requireEnded(unfinished);
  throw new UserError(
    `${title(unfinished)} was interrupted (${unfinished.phase})`,
    `${unfinished.resume ?? "make restore-resume"} goes on with it`,
  );
}

/** The stack's unfinished operation, or undefined when there is none. */
export async function readOperation<Kind extends Operation>(deps: Deps, stack: string): Promise<Kind | undefined> {
  return readJsonFile<Kind>(operationFile(deps, stack));
}

/** @throws UserError when the process that does it lives */
export function requireEnded(operation: Operation): void {
  const { pid, program, hostname: host } = operation.process;
  if (host === hostname() && (pid === process.pid || !isAlive(pid, program))) return;
  throw new UserError(`${title(operation)} is at work (process ${pid} on ${host})`, "wait for it");
}

/** E.g. `server restore of stack letta`. */
function title({ kind, stack }: Operation): string {
  return `${kind.replaceAll("-", " ")} of stack ${stack}`;
}

/** Writes an operation down, whole or not at all, as done by this process. @returns what was written */
export async function saveOperation<Kind extends Operation>(deps: Deps, operation: NewOperation<Kind>): Promise<Kind> {
  const saved = { ...operation, process: { pid: process.pid, program: ownProgram(), hostname: hostname() } } as Kind;
  await writeWholeJson(operationFile(deps, operation.stack), saved);
  return saved;
}

/** Forgets an operation that has ended. */
export async function endOperation(deps: Deps, { stack }: Pick<Operation, "stack">): Promise<void> {
  await rm(operationFile(deps, stack), { force: true });
}

function operationFile({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string): string {
  return join(projectDirectory, ".state/operations", `${stack}.json`);
}
