import { z } from "zod";
import { BackupError } from "../errors.ts";
import { progressOf, type Report } from "../events.ts";
import { withPostgres } from "../postgres.ts";
import type { Stage } from "../run.ts";
import type { EncryptedStore } from "../store.ts";
import { streamTar } from "./core-basebackup.ts";
import { decompress, piped, textOf } from "./core-pipe.ts";
import { type CoreRecord, namesOf, newLabel } from "./core-records.ts";
import { segmentAt, segmentBefore } from "./core-segments.ts";
import type { BackupType, Pace } from "./engine.ts";

/** What is used of the manifest that Postgres makes of each backup. */
export const manifestSchema = z.object({
  Files: z.array(z.object({ Path: z.string(), Size: z.number() })),
  "WAL-Ranges": z.array(z.object({ Timeline: z.int(), "Start-LSN": z.string(), "End-LSN": z.string() })).min(1),
});

/** The cluster as a backup needs to know it. */
export interface Cluster {
  readonly systemId: string;
  readonly timeline: number;
  readonly segmentBytes: number;
  readonly databaseBytes: number;
}

/** Asks Postgres. */
export async function clusterNow(): Promise<Cluster> {
  return withPostgres(async (client) => {
    const { rows } = await client.query<{ id: string; timeline: string; segment: string; size: string }>(
      `select system_identifier::text as id, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
         pg_size_bytes(current_setting('wal_segment_size')) as segment,
         (select sum(pg_database_size(oid)) from pg_database) as size
       from pg_control_system()`,
    );
    const { id, timeline, segment, size } = rows[0] as { id: string; timeline: string; segment: string; size: string };
    return {
      systemId: id,
      timeline: Number.parseInt(timeline, 16),
      segmentBytes: Number(segment),
      databaseBytes: Number(size),
    };
  });
}

/** A backup that is in the store, but for the record that makes it one. */
export interface Taken {
  readonly record: CoreRecord;
  readonly names: ReturnType<typeof namesOf>;
}

/** What backup is to be taken. */
export interface Wanted {
  readonly type: BackupType;
  readonly pace: Pace;
  /** The chain that it goes on from; empty for a full one. */
  readonly parent: readonly CoreRecord[];
  /** Labels that there are. */
  readonly known: readonly string[];
}

/** Streams a backup of the cluster into the store, and reads it back for its manifest. */
export async function takeBackup(
  store: EncryptedStore,
  cluster: Cluster,
  { type, pace, parent, known }: Wanted,
  report: Report,
): Promise<Taken> {
  const startedAt = new Date();
  const label = newLabel(type, parent[0]?.label, startedAt, known);
  const names = namesOf(label);
  const progress = progressOf(report, "backup", type === "full" ? cluster.databaseBytes : null);
  const { repositoryBytes, error } = await streamTar(
    store,
    names.tar,
    { pace, parent: parent.at(-1), progress },
    report,
  );
  report({ event: "step", title: "reading it back" });
  const text = await readManifest(store, label);
  const manifest = manifestSchema.parse(JSON.parse(text));
  const manifestBytes = await store.put(names.manifest, [["cat", [], { input: text }]]);
  const [first, last] = [manifest["WAL-Ranges"][0], manifest["WAL-Ranges"].at(-1)];
  if (first === undefined || last === undefined) throw new BackupError(`the manifest of ${label} names no WAL`);
  const bytes = manifest.Files.reduce((sum, { Size }) => sum + Size, 0);
  const record = {
    ...{ label, type, parent: parent.at(-1)?.label ?? null, systemId: cluster.systemId, timeline: last.Timeline },
    ...{ startLsn: first["Start-LSN"], stopLsn: last["End-LSN"], segmentBytes: cluster.segmentBytes },
    startSegment: segmentAt(first.Timeline, first["Start-LSN"], cluster.segmentBytes),
    stopSegment: segmentBefore(last.Timeline, last["End-LSN"], cluster.segmentBytes),
    ...{ startedAt: startedAt.toISOString(), stoppedAt: new Date().toISOString() },
    ...{ bytes, repositoryBytes: repositoryBytes + manifestBytes, databaseBytes: cluster.databaseBytes, error },
  };
  return { record, names };
}

/** The manifest out of the stored backup, all of which is read for it. @throws BackupError when that cannot be read */
export async function readManifest(store: EncryptedStore, label: string): Promise<string> {
  const extract: Stage = ["tar", ["--extract", "--to-stdout", "backup_manifest"]];
  return textOf(piped(await store.get(namesOf(label).tar), decompress, extract));
}
