import type { ArchiverState } from "../contract.ts";
import { rowsOf } from "../postgres.ts";
import type { World } from "../world.ts";

/**
 * An SQL expression, true when the log sequence number in column `lsn` could be restored if the database were lost now.
 * Names of timeline histories and backup labels are archived too; neither sorts after a segment.
 */
export const isArchived = `pg_walfile_name(lsn) collate "C" <= (select left(last_archived_wal, 24) from pg_stat_archiver) collate "C"`;

/** Postgres' own view of its archiver. An error counts until a later segment is archived. */
export async function archiver(world: World): Promise<ArchiverState> {
  const [row] = await rowsOf<{ archived: Date | null; failed: Date | null; segment: string | null; queue: number }>(
    world,
    `select last_archived_time as archived, last_failed_time as failed, last_failed_wal as segment,
       (select count(*)::int from pg_ls_archive_statusdir() where name like '%.ready') as queue
     from pg_stat_archiver`,
  );
  const isFailing = row?.failed != null && (row.archived === null || row.failed > row.archived);
  return {
    lastArchivedAt: row?.archived?.toISOString() ?? null,
    failing: isFailing ? `segment ${row.segment} since ${row.failed?.toISOString()}` : null,
    queue: row?.queue ?? 0,
  };
}

/**
 * Has Postgres archive the timeline histories that the archive lacks: a promotion with archiving off, as after a restore,
 * leaves them behind, and without them nobody finds the way from an older backup to the present.
 */
export async function archiveHistories(world: World): Promise<void> {
  await world.postgres(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select name from pg_ls_waldir() where name ~ '^[0-9A-F]{8}[.]history$'
       except select regexp_replace(name, '[.](ready|done)$', '') from pg_ls_archive_statusdir()`,
    );
    // As Postgres itself asks its archiver; the volume is read-only here.
    for (const { name } of rows)
      await client.query(`copy (select) to program 'touch pg_wal/archive_status/${name}.ready'`);
  });
}

/** Earlier versions had a replication slot. Nobody reads it any more, and it would keep WAL on Postgres' disk. */
export async function dropFormerSlot(world: World): Promise<void> {
  await rowsOf(
    world,
    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = 'walsink' and not active",
  );
}
