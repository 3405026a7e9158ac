import { type RowCounts, rowCountQuery, rowCountSettings } from "../../images/backup/src/contract.ts";
import type { Deps } from "./deps.ts";
import { drawTable } from "./format.ts";
import { psql } from "./psql.ts";

export type { RowCounts };

/** Rows of every table of one database: `schema.table` -> count. */
export async function countDatabase(deps: Deps, container: string, database: string): Promise<Record<string, number>> {
  const lines = await psql(deps, container, `${rowCountSettings};${rowCountQuery}`, database);
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf("|");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** Rows of every table; a database that cannot be read in ten minutes is left out. */
export async function countRows(deps: Deps, container: string, databases: readonly string[]): Promise<RowCounts> {
  const counts: Record<string, Record<string, number>> = {};
  for (const database of databases) {
    const found = await countDatabase(deps, container, database).catch(() => undefined);
    if (found !== undefined) counts[database] = found;
  }
  return counts;
}

/** One line per table whose count differs or that exists on one side only. */
export function differences(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => before[name] !== after[name]);
  return changed.map((name) => `${name}: ${before[name] ?? "not there"} -> ${after[name] ?? "not there"}`);
}

/** Rows before and after, one line per database. */
export function renderRows(before: RowCounts, after: RowCounts): string[] {
  const sum = (counts: Readonly<Record<string, number>> | undefined) =>
    counts === undefined ? "-" : String(Object.values(counts).reduce((total, count) => total + count, 0));
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const rows = names.map((name) => {
    const changed = before[name] && after[name] ? String(differences(before[name], after[name]).length) : "-";
    return [name, sum(before[name]), sum(after[name]), changed];
  });
  return drawTable(["database", "rows before", "rows now", "tables changed"], rows);
}
