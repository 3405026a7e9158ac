import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Engine } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { withPostgres } from "./postgres.ts";
import { type PrivateServer, startPrivately } from "./private-server.ts";
import { output } from "./run.ts";

/** What is set for a recovery, and what an earlier one or a sink may have left behind. */
const recoverySetting = /^\s*(?:recovery_|restore_command|archive_cleanup_command|synchronous_standby_names)/;

/** Has Postgres recover from the archive on its next start, with these settings and none of an earlier recovery. */
export async function writeRecovery(cluster: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const file = join(cluster, "postgresql.auto.conf");
  const kept = (await readFile(file, "utf8")).split("\n").filter((line) => !recoverySetting.test(line));
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  await writeFile(file, `${kept.join("\n").trimEnd()}\n${lines.join("\n")}\n`);
  await output("touch", [join(cluster, "recovery.signal")]);
}

/** Takes out of the cluster's settings what was only for its recovery. */
export async function forgetRecovery({ socket }: PrivateServer): Promise<void> {
  await withPostgres(
    async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `select distinct name from pg_file_settings
         where sourcefile like '%postgresql.auto.conf' and (name like 'recovery%' or name in ('restore_command', 'archive_mode'))`,
      );
      for (const { name } of rows) await client.query(`alter system reset ${name}`);
    },
    { socket },
  );
}

/**
 * Has the archive take the history of each timeline that it has not: a promotion without an archive, as after a restore,
 * leaves it where it is, and without it nobody finds the way from an older backup to what is written now.
 */
export async function archiveHistories(): Promise<void> {
  await withPostgres(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select name from pg_ls_waldir() where name ~ '^[0-9A-F]{8}[.]history$'
       except select regexp_replace(name, '[.](ready|done)$', '') from pg_ls_archive_statusdir()`,
    );
    // As Postgres itself asks its archiver; the volume is read-only here.
    for (const { name } of rows)
      await client.query(`copy (select) to program 'touch pg_wal/archive_status/${name}.ready'`);
  });
}

/**
 * Takes a cluster that was left for a restored one, and is to be the live one again, to a timeline of its own: what it
 * writes from now on is otherwise not told from what was written since.
 *
 * @returns the id of the new timeline
 */
export async function rejoin(engine: Engine, cluster: string, report: Report): Promise<{ timeline: number }> {
  if (!(await readdir(cluster).catch((): string[] => [])).includes("PG_VERSION")) {
    throw new BackupError(`${cluster} is no cluster`, "check the volume");
  }
  report({ event: "step", title: "beginning a timeline" });
  const server = await startPrivately(cluster, { env: await engine.prepareRejoin(cluster) });
  try {
    await forgetRecovery(server);
    return await withPostgres(
      async (client) => {
        const { rows } = await client.query<{ id: string }>(
          "select left(pg_walfile_name(pg_current_wal_lsn()), 8) as id",
        );
        return { timeline: Number.parseInt(rows[0]?.id ?? "1", 16) };
      },
      { socket: server.socket },
    );
  } finally {
    await server.stop();
  }
}
