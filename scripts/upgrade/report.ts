import { join } from "node:path";
import type { Deps } from "../lib/deps.ts";
import { formatBytes, formatDuration, formatTime } from "../lib/format.ts";
import { writeWhole } from "../lib/whole-file.ts";
import { summary } from "./compare.ts";
import type { UpgradeOperation } from "./operation.ts";
import { describeLock, type UpgradePlan, worstLock } from "./plan.ts";
import type { Rehearsal } from "./rehearsal.ts";

/** The plan, as lines for a person. */
export function renderPlan(plan: UpgradePlan): string[] {
  const { from, to, notes, revisions, tableBytes } = plan;
  const migrations = revisions.flatMap((revision) => {
    const tables = [...new Set(revision.operations.flatMap(({ table }) => table ?? []))];
    const sized = tables.map((table) => `${table}${tableBytes[table] ? ` (${formatBytes(tableBytes[table])})` : ""}`);
    const lock = worstLock(revision);
    return [
      `  ${revision.revision} ${revision.title}`,
      `    ${[sized.join(", "), `${lock}: ${describeLock(lock)}`].filter(Boolean).join("; ")}`,
    ];
  });
  return [
    `upgrade of Letta ${from} -> ${to}`,
    ...notes.map((note) => `  ${note}`),
    revisions.length === 0
      ? "no migration: the schema stays as it is"
      : `${revisions.length === 1 ? "1 migration" : `${revisions.length} migrations`}, with what each keeps waiting:`,
    ...migrations,
  ];
}

/** A rehearsal, as lines for a person. */
export function renderRehearsal(rehearsal: Rehearsal): string[] {
  const { source, copySeconds, migrationSeconds, startSeconds, schemaVersion, inventory, hidden, vanished } = rehearsal;
  const from = source === "backup" ? "restored from the backup" : "copied from the database";
  return [
    `rehearsed on a copy, ${from} in ${seconds(copySeconds)}: migrated in ${seconds(migrationSeconds)} to ${schemaVersion}, served and probed in ${seconds(startSeconds)}`,
    `  the same after as before: ${summary(inventory)}`,
    ...(hidden === 0 ? [] : [`  ${hidden} agents will be hidden from lists; they are not lost`]),
    ...vanished.map(
      ({ handle, agents }) => `  WARNING: model ${handle}, which ${agents} agents use, will no longer be offered`,
    ),
  ];
}

const seconds = (value: number) => `${value.toFixed(1)} s`;

/** What became of an upgrade. */
export interface Outcome {
  readonly result: "upgraded" | "returned" | "not begun";
  /** What went wrong. */
  readonly problem?: string;
}

/** One page on an upgrade: what was done, how long it took, what is where. */
export function renderReport(operation: UpgradeOperation, { result, problem }: Outcome): string[] {
  const { what, from, to, stack, timings, point, before, kept, closedSeconds } = operation;
  const name = what === "letta" ? "Letta" : "Postgres";
  const ended = {
    upgraded: `${name} is at ${to.version}`,
    returned: `${name} is back at ${from.version}`,
    "not begun": `${name} stays at ${from.version}: nothing was changed`,
  }[result];
  const rows = [
    ["stack", stack],
    ["from", `${from.version}, image ${from.reference}`],
    ["to", `${to.version}, image ${to.reference}`],
    ["begun", formatTime(operation.startedAt)],
    ["ended", ended],
    ...(before === undefined
      ? []
      : [
          ["held", summary(before)],
          ["restore point", point ?? "none: backups are turned off"],
        ]),
    ...(closedSeconds === undefined ? [] : [["clients kept out", formatDuration(closedSeconds)]]),
    ...Object.entries(timings).map(([phase, value]) => [`${phase} took`, seconds(value)]),
    ...(kept === undefined ? [] : [["kept to look at", `database ${kept}; it can be dropped`]]),
  ] as const;
  return [
    `${name} ${from.version} -> ${to.version}: ${result}`,
    "",
    ...rows.map(([key, value]) => `${key?.padEnd(18)} ${value}`),
    ...(problem === undefined ? [] : ["", "what happened:", ...problem.split("\n").map((line) => `  ${line}`)]),
    ...(result === "returned" ? ["", ...afterReturn(operation)] : []),
  ];
}

function afterReturn({ kept, before, point }: UpgradeOperation): string[] {
  const data =
    kept === undefined
      ? "the database was not changed by the attempt, and is in use as it was"
      : "the database was changed by the attempt; the one from before it is in use again";
  return [
    `${data}${before === undefined ? "" : ": every agent, row and text was compared"}.`,
    ...(point === undefined ? [] : [`Should anything be missing all the same: make restore NAME=${point}`]),
  ];
}

/** Writes the page beside the state, for later. @returns its path */
export async function writeReport(
  deps: Deps,
  { stack, id }: UpgradeOperation,
  lines: readonly string[],
): Promise<string> {
  const path = join(deps.projectDirectory, ".state/reports", `upgrade-${stack}-${id}.txt`);
  await writeWhole(path, `${lines.join("\n")}\n`, 0o600);
  return path;
}
