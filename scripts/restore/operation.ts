import { join } from "node:path";
import type { RestoreTarget } from "../../images/backup/src/contract.ts";
import type { AgentSite } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import type { NewOperation, Operation } from "../lib/operation.ts";
import type { RowCounts } from "../lib/rows.ts";
import { readJsonFile, writeWholeJson } from "../lib/whole-file.ts";

/** Options of every restore and undo. */
export interface RestoreOptions {
  readonly stack: string;
  /** Do not ask. */
  readonly yes: boolean;
  /** Print the plan and change nothing. */
  readonly dryRun: boolean;
}

/** A restore of the whole server: a cluster in a new volume, which then replaces the old one. */
export interface ServerRestore extends Operation {
  readonly kind: "server-restore";
  /** While `restoring` the old volume is in use, from `switching` on the new one. */
  readonly phase: "restoring" | "switching" | "checking";
  /** Undefined when an old volume comes back. */
  readonly target?: RestoreTarget;
  /** The volume in use at the start, and the one that replaces it. */
  readonly from: string;
  readonly to: string;
  /** Whether Postgres was up at the start. */
  readonly wasUp: boolean;
  /** Rows at the start, as far as they could be counted. */
  readonly rows: RowCounts;
}

/** A restore of one database, or of some of its tables. */
export interface ProjectRestore extends Operation {
  readonly kind: "project-restore";
  /** The database in use is not touched before `swapping`. */
  readonly phase: "loading" | "swapping";
  readonly project: string;
  /** Undefined when an earlier database comes back. */
  readonly target?: RestoreTarget;
  /** Empty for the whole database. */
  readonly tables: readonly string[];
  /** The database that replaces the present one, and the name that the present one gets. */
  readonly loaded: string;
  readonly kept: string;
}

export type NewProjectRestore = NewOperation<ProjectRestore>;

/** The volume that the cluster of a project's restore is in; it is removed at the end. */
export function scratchVolume({ prefix }: AgentSite, { id }: Pick<Operation, "id">): string {
  return `${prefix}-restore-${id}`;
}

/** The schema of restored tables, e.g. `restored_20261122_223503`. */
export function schemaOf({ id }: Pick<Operation, "id">): string {
  return `restored_${id.slice(0, 8)}_${id.slice(8)}`;
}

/** A plan as lines for a terminal: a heading, then a name and a text per line. */
export function renderPlan(heading: string, rows: readonly (readonly [name: string, text: string])[]): string[] {
  return [`${heading}:`, ...rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`)];
}

/** One change of the volume that Postgres is on. */
export type VolumeSwitch = Pick<ServerRestore, "id" | "from" | "to">;

/** The changes of a stack's Postgres volume, oldest first. */
export async function readSwitches(deps: Deps, stack: string): Promise<VolumeSwitch[]> {
  return (await readJsonFile<VolumeSwitch[]>(historyFile(deps, stack))) ?? [];
}

/** Records a change of volume; once, however often a killed run is resumed. */
export async function addSwitch(deps: Deps, { stack, id, from, to }: ServerRestore): Promise<void> {
  const others = (await readSwitches(deps, stack)).filter((known) => known.id !== id);
  await writeWholeJson(historyFile(deps, stack), [...others, { id, from, to }]);
}

function historyFile({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string): string {
  return join(projectDirectory, ".state/operations", `${stack}.volumes.json`);
}
