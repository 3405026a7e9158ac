import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BackupError } from "../errors.ts";
import type { Report } from "../events.ts";
import { paths } from "../paths.ts";
import { withPostgres } from "../postgres.ts";
import { chain, output } from "../run.ts";
import type { EncryptedStore } from "../store.ts";
import { type CoreRecord, namesOf } from "./core-records.ts";
import type { Pace } from "./engine.ts";

/** How a backup is streamed. */
export interface Streaming {
  readonly pace: Pace;
  /** The backup of which only the changes are wanted. */
  readonly parent: CoreRecord | undefined;
  readonly progress: (bytes: number) => void;
}

/** Distinguishes this backup from others that somebody makes, where Postgres lists them. */
const applicationName = "letta-basebackup";

/** Streams the cluster into the store. A page with a wrong checksum is told, and taken as it is: no backup would be worse. */
export async function streamTar(
  store: EncryptedStore,
  tar: string,
  streaming: Streaming,
  report: Report,
): Promise<{ repositoryBytes: number; error: boolean }> {
  try {
    return { repositoryBytes: await putTar(store, tar, streaming, []), error: false };
  } catch (error) {
    await store.remove(`${tar}.new`);
    if (!(error instanceof BackupError) || !error.message.includes("checksum error occurred")) throw error;
    report({ event: "log", line: "pages with wrong checksums were found, and are backed up as they are" });
    return { repositoryBytes: await putTar(store, tar, streaming, ["--no-verify-checksums"]), error: true };
  }
}

async function putTar(
  store: EncryptedStore,
  tar: string,
  { pace, parent, progress }: Streaming,
  extra: readonly string[],
): Promise<number> {
  const done = new AbortController();
  const watching = watch(progress, done.signal);
  try {
    return await withManifest(store, parent, (incremental) => {
      const checkpoint = `--checkpoint=${pace === "fast" ? "fast" : "spread"}`;
      const what = ["--pgdata=-", "--format=tar", "--wal-method=none", "--manifest-checksums=SHA256", checkpoint];
      const target = `--dbname=host=${paths.socket} user=postgres application_name=${applicationName}`;
      // Compressing in pg_basebackup itself saves sending all of the cluster through a pipe to zstd.
      const how = ["--compress=client-zstd:level=1", "--no-password"];
      const niceness = pace === "fast" ? "0" : "19";
      const command = ["pg_basebackup", ...what, ...how, target, ...incremental, ...extra];
      return store.put(tar, [["nice", ["-n", niceness, ...command]]]);
    });
  } finally {
    done.abort();
    await watching;
  }
}

/** Asks Postgres once a second how much it has sent. */
async function watch(progress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(1000, undefined, { signal }).catch(() => {});
    await withPostgres(async (client) => {
      const { rows } = await client.query<{ bytes: string }>(
        `select backup_streamed as bytes from pg_stat_progress_basebackup join pg_stat_activity using (pid)
         where application_name = $1`,
        [applicationName],
      );
      if (rows[0] !== undefined) progress(Number(rows[0].bytes));
    }).catch(() => {});
  }
}

/** pg_basebackup reads the manifest of the backup before from a file. */
async function withManifest<Result>(
  store: EncryptedStore,
  parent: CoreRecord | undefined,
  work: (args: readonly string[]) => Promise<Result>,
): Promise<Result> {
  if (parent === undefined) return work([]);
  const folder = (await output("mktemp", ["--directory"])).trim();
  try {
    const file = join(folder, "manifest");
    await chain([await store.get(namesOf(parent.label).manifest)], { sink: createWriteStream(file) });
    return await work([`--incremental=${file}`]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
