import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import { countDatabase } from "../lib/rows.ts";

/** A database of a Postgres that runs in a container. */
export interface Place {
  /** Docker name. */
  readonly container: string;
  readonly database: string;
}

/** One agent with what belongs to it. */
export interface AgentRecord {
  readonly id: string;
  readonly name: string | null;
  readonly isHidden: boolean;
  readonly messages: number;
  readonly blocks: number;
  readonly passages: number;
  readonly tools: number;
  /** Of its texts, its messages, blocks and passages: everything that it knows, but for embeddings. */
  readonly checksum: string;
}

/** What a database of Letta holds. */
export interface Inventory {
  /** The Alembic revision; null before the first migration. */
  readonly schemaVersion: string | null;
  /** Of all tables, columns, indexes and constraints. */
  readonly schemaChecksum: string;
  /** `schema.table` -> rows, counted. */
  readonly rows: Readonly<Record<string, number>>;
  readonly agents: readonly AgentRecord[];
}

/** Counts and sums up a database of Letta. Reads all of it but for embeddings, at some 100 MB a second. */
export async function takeInventory(deps: Deps, place: Place): Promise<Inventory> {
  const { isMigrated, schemaChecksum } = await queryJson<{ isMigrated: boolean; schemaChecksum: string }>(
    deps,
    place,
    schemaQuery,
  );
  return {
    schemaVersion: isMigrated ? await schemaVersion(deps, place) : null,
    schemaChecksum,
    rows: await countDatabase(deps, place.container, place.database),
    agents: isMigrated ? await queryJson(deps, place, agentsQuery) : [],
  };
}

/** The Alembic revision of a migrated database. */
export function schemaVersion(deps: Deps, place: Place): Promise<string | null> {
  return queryJson(deps, place, "select to_json(version_num) from alembic_version");
}

/** Runs a query that gives one JSON value; null where it gives no row. */
export async function queryJson<Value>(deps: Deps, { container, database }: Place, query: string): Promise<Value> {
  const lines = await psql(deps, container, `set timezone = 'UTC';\n${query};\n`, database);
  return JSON.parse(lines.join("\n") || "null") as Value;
}

/** Without objects of extensions: they are no data of ours, and another version of one may have others. */
const schemaQuery = `
with relation as (
  select c.oid, c.relkind, c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname not in ('pg_catalog', 'information_schema', 'backup') and n.nspname not like 'pg\\_%'
    and c.relkind in ('r', 'p', 'S', 'v', 'm')
    and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = c.oid and deptype = 'e')
), fact as (
  select name || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull as text
  from relation join pg_attribute on attrelid = oid and attnum > 0 and not attisdropped where relkind in ('r', 'p')
  union all
  select pg_get_indexdef(indexrelid) || ' ' || indisvalid from pg_index join relation on oid = indrelid
  union all
  select name || ' ' || conname || ' ' || pg_get_constraintdef(k.oid) from pg_constraint k join relation r on r.oid = conrelid
  union all
  select name || ' ' || relkind::text from relation
)
select json_build_object(
  'isMigrated', to_regclass('alembic_version') is not null,
  'schemaChecksum', (select md5(coalesce(string_agg(text, E'\\n' order by text collate "C"), '')) from fact)
)`;

const checksumOf = (columns: string) => `md5(coalesce(string_agg(md5(row(${columns})::text), '' order by id), ''))`;

/** By columns that every release since 0.16.0 has; not by the flags that a migration sets for its own reasons. */
const agentsQuery = `
select coalesce(json_agg(json_build_object(
  'id', a.id, 'name', a.name, 'isHidden', coalesce(a.hidden, false),
  'messages', m.count, 'blocks', b.count, 'passages', p.count, 'tools', t.count,
  'checksum', md5(row(a.name, a.description, a.system, a.agent_type, a.message_ids, m.sum, b.sum, p.sum)::text)
) order by a.id), '[]')
from agents a
cross join lateral (
  select count(*), ${checksumOf("id, role, text, content, tool_calls, tool_returns, created_at")} as sum
  from messages where agent_id = a.id) m
cross join lateral (
  select count(*), ${checksumOf("id, label, value")} as sum
  from blocks_agents l join block on block.id = l.block_id where l.agent_id = a.id) b
cross join lateral (
  select count(*), ${checksumOf("id, text, created_at")} as sum
  from archival_passages where archive_id in (select archive_id from archives_agents where agent_id = a.id)) p
cross join lateral (select count(*) from tools_agents where agent_id = a.id) t`;
