import { mkdir, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { checkIndexes, checkLetta, checkPages, removeCheckExtension } from "./checks.ts";
import type { Check, Engine, Fetched, RestoreTarget } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { withPostgres } from "./postgres.ts";
import { type PrivateServer, startPrivately } from "./private-server.ts";
import { forgetRecovery } from "./recovery.ts";
import { output } from "./run.ts";

/** What a restore brought back. */
export interface Restored {
  /** The physical backup it stands on. */
  readonly label: string;
  readonly recoveredTo: { readonly lsn: string; readonly at: string | null };
  readonly bytes: number;
  readonly restoreSeconds: number;
  readonly replaySeconds: number;
  readonly checks: readonly Check[];
}

export interface RestoreOptions {
  readonly target: RestoreTarget;
  /** Where the cluster is put; must not be there, or be empty. */
  readonly cluster: string;
  /** The one database that is wanted; the others come back empty where the engine can do that. */
  readonly only?: string | undefined;
  /** Looks at the restored cluster while its private server runs. */
  readonly inspect?: (server: PrivateServer) => Promise<readonly Check[]>;
}

/**
 * Restores into an empty folder: fetches a backup, replays its WAL up to the target on a server that nobody reaches, checks
 * it, and stops it cleanly.
 *
 * @throws BackupError when the folder is not empty, the target cannot be reached, or Postgres refuses what it finds
 */
export async function restore(engine: Engine, options: RestoreOptions, report: Report): Promise<Restored> {
  const { target, cluster, only } = options;
  await requireEmpty(cluster);
  const started = Date.now();
  report({ event: "step", title: "fetching the backup" });
  const fetched = await engine.fetch(target, cluster, { only }, report);
  const fetchedAt = Date.now();
  report({ event: "step", title: "replaying the WAL" });
  const server = await startPrivately(cluster, { env: fetched.env });
  const replayedAt = Date.now();
  const inspected = await inspect(server, fetched, options, report);
  report({ event: "step", title: "checking every page" });
  const pages = await checkPages(cluster);
  return {
    label: fetched.label,
    recoveredTo: inspected.recoveredTo,
    bytes: fetched.bytes,
    restoreSeconds: (fetchedAt - started) / 1000,
    replaySeconds: (replayedAt - fetchedAt) / 1000,
    checks: [...inspected.checks, pages],
  };
}

async function inspect(server: PrivateServer, fetched: Fetched, options: RestoreOptions, report: Report) {
  try {
    const recoveredTo = await recoveryEnd(server);
    const checks: Check[] = [];
    if (options.target.type === "latest") checks.push(checkEnd(recoveredTo.segment, fetched.newestSegment));
    // Files of databases that were left out are empty, which no check can like.
    if (options.only === undefined) {
      report({ event: "step", title: "checking tables and indexes" });
      checks.push(await checkIndexes(server.socket), await checkLetta(server.socket));
    }
    checks.push(...((await options.inspect?.(server)) ?? []));
    // Where one database was wanted, the files of the others are empty, and nobody can connect to them.
    if (options.only === undefined) await removeCheckExtension(server.socket);
    await forgetRecovery(server);
    return { recoveredTo: { lsn: recoveredTo.lsn, at: recoveredTo.at }, checks };
  } finally {
    await server.stop();
  }
}

/** Where the replay ended: the first timeline switch of the promotion is at its end. */
async function recoveryEnd(server: PrivateServer): Promise<{ lsn: string; segment: string; at: string | null }> {
  const lines = server.lines.join("\n");
  const lsn = /redo done at ([0-9A-F]+\/[0-9A-F]+)/.exec(lines)?.[1] ?? "0/0";
  const time = /last completed transaction was at log time (.+)$/m.exec(lines)?.[1];
  const segment = await withPostgres(
    async (client) =>
      (await client.query<{ name: string }>("select substr(pg_walfile_name($1), 9) as name", [lsn])).rows[0]?.name ??
      "",
    { socket: server.socket },
  );
  return { lsn, segment, at: time === undefined ? null : new Date(time).toISOString() };
}

/** Without a target Postgres takes the first gap in the WAL for its end, and says nothing. */
function checkEnd(segment: string, newest: string | null): Check {
  const wanted = newest?.slice(8) ?? "";
  // The newest segment may hold nothing but a switch, whose redo ends at the segment before.
  const ok = newest === null || distance(segment, wanted) <= 1;
  return {
    name: "end of the WAL",
    ok,
    detail: ok
      ? `replayed up to segment ${segment}`
      : `replay ended in segment ${segment}, the repository goes on to ${wanted}: there is a gap`,
  };
}

/** Segments between two, by their names without the timeline. */
function distance(from: string, to: string): number {
  const index = (name: string) => Number.parseInt(name.slice(0, 8), 16) * 256 + Number.parseInt(name.slice(8), 16);
  return index(to) - index(from);
}

async function requireEmpty(cluster: string): Promise<void> {
  const files = await readdir(cluster).catch(() => []);
  if (files.length > 0)
    throw new BackupError(`${cluster} is not empty: a restore never overwrites`, "restore into a new volume");
  await mkdir(dirname(cluster), { recursive: true });
  await output("install", ["-d", "-o", "999", "-g", "999", "-m", "0700", cluster], { asRoot: true });
}
