import type { RowCounts } from "../../images/backup/src/contract.ts";
import type { Deps } from "./deps.ts";
import { psql } from "./psql.ts";
import { drawTable } from "./table.ts";

export type { RowCounts };

// With a project's search path, a superuser could be made to run the project's functions.
const countStatements = `set statement_timeout = '60s'; set search_path = pg_catalog;
select format('select %L, count(*) from %I.%I', format('%I.%I', schemaname, tablename), schemaname, tablename)
from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'backup') order by 1 \\gexec
`;

/** Rows of every table of one database: `schema.table` -> count. */
export async function countDatabase(deps: Deps, container: string, database: string): Promise<Record<string, number>> {
  const lines = await psql(deps, container, countStatements, database);
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf("|");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** Rows of every table of these databases, without those where counting a table fails or takes over a minute. */
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
