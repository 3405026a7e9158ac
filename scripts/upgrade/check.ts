import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import { countDatabase, differences as rowDifferences } from "../lib/rows.ts";

/** A database of a Postgres that runs in a container. */
export interface Place {
  readonly container: string;
  readonly database: string;
}

/** What a database holds. */
export interface Inventory {
  /** The Alembic revision; null in a database that Letta never migrated. */
  readonly schemaVersion: string | null;
  /** `schema.table` -> rows, counted. */
  readonly rows: Readonly<Record<string, number>>;
  readonly agents: readonly {
    readonly id: string;
    readonly name: string | null;
    /** Of its texts, messages, blocks, passages and number of tools, without embeddings. */
    readonly checksum: string;
  }[];
}

/** Counts and checksums a database. Reads everything but embeddings, at some 100 MB a second. */
export async function takeInventory(deps: Deps, place: Place): Promise<Inventory> {
  const isLetta = await queryJson<boolean>(deps, place, "select to_json(to_regclass('archives_agents') is not null)");
  return {
    schemaVersion: isLetta ? await queryJson(deps, place, "select to_json(version_num) from alembic_version") : null,
    rows: await countDatabase(deps, place.container, place.database),
    agents: isLetta ? await queryJson(deps, place, agentsQuery) : [],
  };
}

/** Runs a query that returns one JSON value; null without a row. */
export async function queryJson<Value>(deps: Deps, { container, database }: Place, query: string): Promise<Value> {
  const lines = await psql(deps, container, `set timezone = 'UTC';\n${query};\n`, database);
  return JSON.parse(lines.join("\n") || "null") as Value;
}

const checksumOf = (columns: string) => `md5(coalesce(string_agg(md5(row(${columns})::text), '' order by id), ''))`;

/** Uses columns that every release since 0.16.0 has, and no flags that migrations set. */
const agentsQuery = `
select coalesce(json_agg(json_build_object('id', a.id, 'name', a.name, 'checksum',
  md5(row(a.name, a.description, a.system, a.agent_type, a.message_ids, m.sum, b.sum, p.sum, t.count)::text)
) order by a.id), '[]')
from agents a
cross join lateral (
  select ${checksumOf("id, role, text, content, tool_calls, tool_returns, created_at")} as sum
  from messages where agent_id = a.id) m
cross join lateral (
  select ${checksumOf("id, label, value")} as sum
  from blocks_agents l join block on block.id = l.block_id where l.agent_id = a.id) b
cross join lateral (
  select ${checksumOf("id, text, created_at")} as sum
  from archival_passages where archive_id in (select archive_id from archives_agents where agent_id = a.id)) p
cross join lateral (select count(*) from tools_agents where agent_id = a.id) t`;

/** Tables that the server writes when it starts or is probed; all others hold users' data. */
const serverTables = new Set([
  ...["alembic_version", "block_history", "jobs", "mcp_tools", "organizations", "prompts", "provider_models"],
  ...["provider_trace_metadata", "provider_traces", "providers", "run_metrics", "runs", "sandbox_configs"],
  ...["step_metrics", "steps", "tools", "users"],
]);

/**
 * The differences, one line each; empty if no agent, text or row of a user is gone or changed.
 *
 * @param exact compares {@link serverTables} too: only a migration or a copy happened in between
 */
export function differences(before: Inventory, after: Inventory, { exact }: { exact: boolean }): string[] {
  // A migration may add tables, and remove empty ones.
  const isCompared = (table: string) =>
    (exact || !serverTables.has(table.slice(table.indexOf(".") + 1))) &&
    ((before.rows[table] ?? 0) > 0 || (table in before.rows && table in after.rows));
  const comparedRows = ({ rows }: Inventory) =>
    Object.fromEntries(Object.entries(rows).filter(([table]) => isCompared(table)));
  const rows = rowDifferences(comparedRows(before), comparedRows(after)).map((line) => `rows of ${line}`);
  const [old, now] = [before, after].map(({ agents }) => new Map(agents.map((agent) => [agent.id, agent])));
  const agents = [...new Map([...(old ?? []), ...(now ?? [])]).values()].flatMap(({ id, name }) => {
    const [first, second] = [old?.get(id), now?.get(id)];
    if (first?.checksum === second?.checksum) return [];
    const changed = "its texts, messages, blocks, passages or tools differ";
    return `agent ${name} (${id}): ${first === undefined ? "is new" : second === undefined ? "is gone" : changed}`;
  });
  return [...rows, ...agents];
}

/** @throws UserError that lists the differences, if there are any */
export function requireNone(found: readonly string[], problem: string, fix?: string): void {
  if (found.length === 0) return;
  throw new UserError(`${problem}; differences ${found.length}:\n    ${found.slice(0, 20).join("\n    ")}`, fix);
}

/** An inventory in one line. */
export function summary({ agents, rows }: Inventory): string {
  const all = Object.values(rows).reduce((total, count) => total + count, 0);
  return `${agents.length} agents, ${all} rows in ${Object.keys(rows).length} tables`;
}

/**
 * The migrations that an image of Letta would apply to a database, in order, e.g. `9fa274fb0b83 -> a08c972e781b, add …`.
 *
 * @throws UserError if the image does not know the database's revision, because that is newer
 */
export async function pendingMigrations(deps: Deps, image: string, { container, database }: Place): Promise<string[]> {
  const [revision = ""] = await psql(deps, container, "select version_num from alembic_version", database);
  const alembic = ["run", "--rm", "--network", "none", "--entrypoint", "alembic", image];
  const { exitCode, stdout, stderr } = await deps.engine.docker([...alembic, "history", "-r", `${revision}:head`]);
  const said = `${stdout}${stderr}`.trim();
  if (/Can't locate revision/.test(said)) {
    throw new UserError(
      `the database is at revision ${revision}, which ${image} does not know: the database is newer`,
      "a way back is a restore: make backup-list shows from what",
    );
  }
  if (exitCode !== 0) throw new Error(`alembic of ${image}: ${said}`);
  // The last one is the revision's own.
  const isPending = (line: string) => line.includes(" -> ") && !line.includes(`-> ${revision}`);
  return said.split("\n").filter(isPending).toReversed();
}
