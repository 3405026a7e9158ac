import type { Check } from "./engines/engine.ts";
import { databaseNames, withPostgres } from "./postgres.ts";
import { run } from "./run.ts";

/** Rows of each table: database -> schema.table -> count. */
export type RowCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Names of Letta's tables whose rows people would miss. */
const lettaTables = ["agents", "messages", "archival_passages", "block"];

/** Looks at every table and B-tree index of every database: pages, order, and whether each row is in its index. */
export async function checkIndexes(socket: string): Promise<Check> {
  const args = ["--all", "--heapallindexed", "--install-missing", "--host", socket, "--username", "postgres"];
  const { exitCode, lastLines } = await run("pg_amcheck", ["--no-strict-names", ...args]);
  const detail = exitCode === 0 ? "every table and index is sound" : lastLines.slice(-5).join("; ");
  return { name: "amcheck", ok: exitCode === 0, detail };
}

/** Takes away what {@link checkIndexes} installed, from a cluster that is going to be used. */
export async function removeCheckExtension(socket: string): Promise<void> {
  for (const database of await databaseNames(socket)) {
    await withPostgres((client) => client.query("drop extension if exists amcheck"), { socket, database });
  }
}

/** Looks at the checksum of each page of a cluster that is stopped. */
export async function checkPages(cluster: string): Promise<Check> {
  const { exitCode, stdout, lastLines } = await run("pg_checksums", ["--check", "--pgdata", cluster]);
  const pages = /Blocks scanned:\s*(\d+)/.exec(stdout)?.[1];
  const isOff = lastLines.some((line) => line.includes("data checksums are not enabled"));
  if (isOff) return { name: "page checksums", ok: true, detail: "this cluster has none" };
  return {
    name: "page checksums",
    ok: exitCode === 0,
    detail: exitCode === 0 ? `${pages} pages, none wrong` : lastLines.slice(-4).join("; ").trim(),
  };
}

/** Counts the rows of every table but Postgres' own and this agent's. */
export async function countRows(socket?: string): Promise<RowCounts> {
  const counts: Record<string, Record<string, number>> = {};
  for (const database of await databaseNames(socket)) counts[database] = await countDatabase(database, socket);
  return counts;
}

/** Rows of each table of one database: schema.table -> count. */
export async function countDatabase(database: string, socket?: string): Promise<Record<string, number>> {
  return withPostgres(
    async (client) => {
      // A project's database may have a search path with functions of the project's in it, for a superuser to run.
      await client.query("set statement_timeout = '60s'; set search_path = pg_catalog");
      const { rows } = await client.query<{ name: string }>(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema', 'backup') order by 1`,
      );
      const found: Record<string, number> = {};
      for (const { name } of rows) {
        const result = await client.query<{ count: string }>(`select count(*) from ${name}`);
        found[name] = Number(result.rows[0]?.count);
      }
      return found;
    },
    { database, ...(socket === undefined ? {} : { socket }) },
  );
}

/** Are there as many rows as there were? `before` and `after` were counted around the moment that was restored. */
export function compareRows(restored: RowCounts, before: RowCounts, after: RowCounts): Check {
  const wrong: string[] = [];
  let tables = 0;
  for (const [database, counts] of Object.entries(before)) {
    for (const [table, first] of Object.entries(counts)) {
      const second = after[database]?.[table];
      // A table that came or went in between may be there or not.
      if (second === undefined) continue;
      tables += 1;
      const found = restored[database]?.[table];
      const isRight = found !== undefined && found >= Math.min(first, second) && found <= Math.max(first, second);
      if (!isRight) wrong.push(`${database} ${table}: ${found ?? "missing"} instead of ${first}`);
    }
  }
  const detail = wrong.length === 0 ? `${tables} tables have the rows they had` : wrong.slice(0, 5).join("; ");
  return { name: "row counts", ok: wrong.length === 0, detail };
}

/** Reads what an agent is made of as Letta's own schema has it. */
export async function checkLetta(socket: string): Promise<Check> {
  const name = "Letta's tables";
  try {
    return await withPostgres(
      async (client) => {
        const version = await client.query<{ to_regclass: string | null }>("select to_regclass('alembic_version')");
        if (version.rows[0]?.to_regclass === null)
          return { name, ok: true, detail: "never migrated, so nothing to read" };
        const counts: string[] = [];
        for (const table of lettaTables) {
          const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`);
          counts.push(`${rows[0]?.count} ${table}`);
        }
        await client.query("select id, name, system, llm_config, embedding_config, message_ids from agents");
        return { name, ok: true, detail: counts.join(", ") };
      },
      { socket, database: "letta" },
    );
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message };
  }
}
