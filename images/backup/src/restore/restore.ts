import { mkdir, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { Check, Report, Restored } from "../contract.ts";
import { BackupError } from "../errors.ts";
import type { Backups } from "../pgbackrest/backups.ts";
import { fetchBackup } from "../pgbackrest/fetch.ts";
import type { DatedTarget } from "../pgbackrest/timelines.ts";
import { databaseNames, rowsOf } from "../postgres.ts";
import { output } from "../process/run.ts";
import type { World } from "../world.ts";
import { checkExtensions, checkIndexes, checkLetta, checkPages, removeCheckExtension } from "./checks.ts";
import { type PrivateServer, startPrivately } from "./private-server.ts";
import { forgetRecovery } from "./recovery.ts";

interface RestoreOptions {
  readonly target: DatedTarget;
  /** Where the cluster goes: a folder that is missing or empty. */
  readonly cluster: string;
  /** The one database that is wanted: the others come back empty. */
  readonly only?: string | undefined;
  /** Further checks of the restored cluster, while its private server runs. */
  readonly inspect?: (server: PrivateServer) => Promise<readonly Check[]>;
}

/**
 * Restores into an empty folder: fetches a backup, replays WAL up to the target on a server that nobody reaches, checks the
 * result and stops it cleanly.
 *
 * @throws BackupError when the folder is not empty, the target cannot be reached, or Postgres refuses what it finds
 */
export async function restore(
  world: World,
  backups: Backups,
  options: RestoreOptions,
  report: Report,
): Promise<Restored> {
  const { cluster } = options;
  await makeEmpty(world, cluster);
  const started = world.now();
  report({ event: "step", title: "fetching the backup" });
  const { label, bytes, newestSegment } = await fetchBackup(world, backups, options, report);
  const fetchedAt = world.now();
  report({ event: "step", title: "replaying the WAL" });
  const server = await startPrivately(world, cluster, backups.env);
  const replayedAt = world.now();
  const { recoveredTo, checks } = await inspect(world, server, { ...options, newestSegment }, report);
  report({ event: "step", title: "checking every page" });
  return {
    label,
    recoveredTo,
    bytes,
    restoreSeconds: (fetchedAt - started) / 1000,
    replaySeconds: (replayedAt - fetchedAt) / 1000,
    checks: [...checks, await checkPages(world, cluster)],
  };
}

async function inspect(
  world: World,
  server: PrivateServer,
  { target, only, newestSegment, ...options }: RestoreOptions & { readonly newestSegment: string | null },
  report: Report,
): Promise<Pick<Restored, "recoveredTo" | "checks">> {
  const { socket } = server;
  try {
    const { segment, ...recoveredTo } = await recoveryEnd(world, server);
    const checks: Check[] = [];
    if (target.type === "latest") checks.push(checkEnd(segment, newestSegment));
    // Files of databases that were left out are empty: they pass no check, and accept no connection.
    const databases = only === undefined ? await databaseNames(world, socket) : [only];
    checks.push(await checkExtensions(world, socket, databases));
    if (only === undefined) {
      report({ event: "step", title: "checking tables and indexes" });
      checks.push(await checkIndexes(world, socket), await checkLetta(world, socket));
    }
    checks.push(...((await options.inspect?.(server)) ?? []));
    if (only === undefined) await removeCheckExtension(world, socket);
    await forgetRecovery(world, server);
    return { recoveredTo, checks };
  } finally {
    await server.stop();
  }
}

/** Where the replay ended; the segment is without its timeline. */
async function recoveryEnd(
  world: World,
  { socket, lines }: PrivateServer,
): Promise<{ lsn: string; segment: string; at: string | null }> {
  const text = lines.join("\n");
  const lsn = /redo done at ([0-9A-F]+\/[0-9A-F]+)/.exec(text)?.[1] ?? "0/0";
  const time = /last completed transaction was at log time (.+)$/m.exec(text)?.[1];
  const sql = "select substr(pg_walfile_name($1), 9) as name";
  const [row] = await rowsOf<{ name: string }>(world, sql, [lsn], { socket });
  return { lsn, segment: row?.name ?? "", at: time === undefined ? null : new Date(time).toISOString() };
}

/** Without a target Postgres takes the first gap in the WAL for its end, silently. */
function checkEnd(segment: string, newest: string | null): Check {
  const wanted = newest?.slice(8) ?? "";
  const index = (name: string) => Number.parseInt(name.slice(0, 8), 16) * 256 + Number.parseInt(name.slice(8), 16);
  // The newest segment may hold only a switch, whose redo ends in the segment before.
  const ok = newest === null || index(wanted) - index(segment) <= 1;
  const end = `replayed up to segment ${segment}`;
  return { name: "end of the WAL", ok, detail: ok ? end : `${end}, the repository has ${wanted}: there is a gap` };
}

async function makeEmpty(world: World, cluster: string): Promise<void> {
  const files = await readdir(cluster).catch(() => []);
  if (files.length > 0)
    throw new BackupError(`${cluster} is not empty: a restore never overwrites`, "restore into a new volume");
  await mkdir(dirname(cluster), { recursive: true });
  await output(world, "install", ["-d", "-o", "999", "-g", "999", "-m", "0700", cluster], { asRoot: true });
}
