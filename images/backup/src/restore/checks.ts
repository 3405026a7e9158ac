import { type Check, type RowCounts, rowCountQuery, rowCountSettings } from "../contract.ts";
import { databaseNames, rowsOf } from "../postgres.ts";
import type { World } from "../world.ts";

/** Letta's tables whose rows people would miss. */
const lettaTables = ["agents", "messages", "archival_passages", "block"];

/** Checks every table and B-tree index of every database: pages, order, and whether each row is in its index. */
export async function checkIndexes({ run }: Pick<World, "run">, socket: string): Promise<Check> {
  const args = ["--all", "--heapallindexed", "--install-missing", "--host", socket, "--username", "postgres"];
  const { exitCode, lastLines } = await run("pg_amcheck", ["--no-strict-names", ...args]);
  const detail = exitCode === 0 ? "every table and index is sound" : lastLines.slice(-5).join("; ");
  return { name: "amcheck", ok: exitCode === 0, detail };
}

/**
 * Checks that this image's extensions are not older than those of the databases: their functions would be missing, in a
 * cluster that starts all the same.
 */
export async function checkExtensions(world: World, socket: string, databases: readonly string[]): Promise<Check> {
  const newer: string[] = [];
  for (const database of databases) {
    const rows = await rowsOf<NewerExtension>(world, newerExtensions, [], { socket, database });
    for (const { name, version, here } of rows)
      newer.push(`${database}: ${name} ${version}, this image has ${here ?? "none"}`);
  }
  const detail = newer.length === 0 ? "this image has those of the backup" : newer.join("; ");
  return { name: "extensions", ok: newer.length === 0, detail };
}

interface NewerExtension {
  readonly name: string;
  readonly version: string;
  readonly here: string | null;
}

/** Those without a way from their version to the image's. */
const newerExtensions = `
select extname as name, extversion as version, default_version as here
from pg_extension left join pg_available_extensions on name = extname
where extversion is distinct from default_version and not exists (
  select from pg_extension_update_paths(extname)
  where source = extversion and target = default_version and path is not null)
order by extname`;

/** Removes what {@link checkIndexes} installed, from a cluster that is going to be used. */
export async function removeCheckExtension(world: World, socket: string): Promise<void> {
  for (const database of await databaseNames(world, socket))
    await rowsOf(world, "drop extension if exists amcheck", [], { socket, database });
}

/** Checks the checksum of each page of a stopped cluster. */
export async function checkPages({ run }: Pick<World, "run">, cluster: string): Promise<Check> {
  const name = "page checksums";
  const { exitCode, stdout, lastLines } = await run("pg_checksums", ["--check", "--pgdata", cluster]);
  if (lastLines.some((line) => line.includes("data checksums are not enabled")))
    return { name, ok: true, detail: "this cluster has none" };
  if (exitCode !== 0) return { name, ok: false, detail: lastLines.slice(-4).join("; ").trim() };
  return { name, ok: true, detail: `${/Blocks scanned:\s*(\d+)/.exec(stdout)?.[1]} pages, none wrong` };
}

/** Rows of every table but Postgres' own and this agent's. */
export async function countRows(world: World, socket?: string): Promise<RowCounts> {
  const counts: Record<string, Record<string, number>> = {};
  for (const database of await databaseNames(world, socket))
    counts[database] = await countDatabase(world, database, socket);
  return counts;
}

/** Rows of each table of one database: schema.table -> count. */
export async function countDatabase(world: World, database: string, socket?: string): Promise<Record<string, number>> {
  const place = { database, ...(socket === undefined ? {} : { socket }) };
  return world.postgres(async (client) => {
    await client.query(rowCountSettings);
    const { rows } = await client.query<{ name: string; count: string }>(rowCountQuery);
    return Object.fromEntries(rows.map(({ name, count }) => [name, Number(count)]));
  }, place);
}

/** Compares rows with those counted just before and just after the moment that was restored. */
export function compareRows(restored: RowCounts, before: RowCounts, after: RowCounts): Check {
  const wrong: string[] = [];
  let tables = 0;
  for (const [database, counts] of Object.entries(before)) {
    for (const [table, first] of Object.entries(counts)) {
      const second = after[database]?.[table];
      // A table that was made or dropped in between may be there or not.
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

/** Reads what an agent consists of, in Letta's own schema. */
export async function checkLetta(world: World, socket: string): Promise<Check> {
  const name = "Letta's tables";
  const detail = async () =>
    world.postgres(
      async (client) => {
        const version = await client.query<{ found: string | null }>("select to_regclass('alembic_version') as found");
        if (version.rows[0]?.found === null) return "never migrated, so nothing to read";
        const counts: string[] = [];
        for (const table of lettaTables) {
          const { rows } = await client.query<{ count: string }>(`select count(*) from ${table}`);
          counts.push(`${rows[0]?.count} ${table}`);
        }
        await client.query("select id, name, system, llm_config, embedding_config, message_ids from agents");
        return counts.join(", ");
      },
      { socket, database: "letta" },
    );
  return detail().then(
    (text) => ({ name, ok: true, detail: text }),
    (error: Error) => ({ name, ok: false, detail: error.message }),
  );
}
