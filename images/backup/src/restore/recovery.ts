import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Report } from "../contract.ts";
import { BackupError } from "../errors.ts";
import type { Backups } from "../pgbackrest/backups.ts";
import { rowsOf } from "../postgres.ts";
import { output } from "../process/run.ts";
import type { World } from "../world.ts";
import { type PrivateServer, startPrivately } from "./private-server.ts";

/** Settings of a recovery, which an earlier one may have left behind. */
const recoverySetting = /^\s*(?:recovery_|restore_command|archive_cleanup_command|synchronous_standby_names)/;

/** Removes the settings that only the recovery needed. */
export async function forgetRecovery(world: World, { socket }: PrivateServer): Promise<void> {
  await world.postgres(
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
 * Puts a cluster that was set aside for a restored one onto its own new timeline, before it becomes the live one again: what
 * it writes next must not be confused with what was written meanwhile.
 *
 * @returns the id of the new timeline
 */
export async function rejoin(world: World, backups: Backups, report: Report): Promise<{ timeline: number }> {
  const { cluster } = world.paths;
  if (!(await readdir(cluster).catch((): string[] => [])).includes("PG_VERSION"))
    throw new BackupError(`${cluster} is not a cluster`, "check the volume");
  report({ event: "step", title: "beginning a timeline" });
  await recoverOwnTimeline(world, cluster);
  const server = await startPrivately(world, cluster, backups.env);
  try {
    await forgetRecovery(world, server);
    const sql = "select left(pg_walfile_name(pg_current_wal_lsn()), 8) as id";
    const [row] = await rowsOf<{ id: string }>(world, sql, [], { socket: server.socket });
    return { timeline: Number.parseInt(row?.id ?? "1", 16) };
  } finally {
    await server.stop();
  }
}

/** On its next start the cluster replays its own timeline to its end and begins a new one. */
async function recoverOwnTimeline(world: World, cluster: string): Promise<void> {
  const file = join(cluster, "postgresql.auto.conf");
  const kept = (await readFile(file, "utf8")).split("\n").filter((line) => !recoverySetting.test(line));
  const settings = [
    `restore_command = 'pgbackrest --pg1-path=${cluster} archive-get %f %p'`,
    "recovery_target_timeline = 'current'",
  ];
  await writeFile(file, `${kept.join("\n").trimEnd()}\n${settings.join("\n")}\n`);
  await output(world, "touch", [join(cluster, "recovery.signal")]);
}
