import { dirname, join } from "node:path";
import { BackupError } from "../errors.ts";
import { progressOf, type Report } from "../events.ts";
import { chain, output, type Stage } from "../run.ts";
import type { EncryptedStore } from "../store.ts";
import { decompress, piped } from "./core-pipe.ts";
import { type CoreRecord, chainOf, namesOf } from "./core-records.ts";
import { recoverTo } from "./core-recovery.ts";
import { segmentIndex, segmentName } from "./core-segments.ts";
import { isOn, missingIn, rangesFrom, readWal, type Timeline, timelineAt, type Wal } from "./core-wal.ts";
import { backupFor, type Fetched, type RestoreTarget } from "./engine.ts";

/** What a restore reads. */
interface Plan {
  /** The full backup first. */
  readonly links: readonly CoreRecord[];
  readonly wal: Wal;
  readonly timeline: Timeline;
}

/** Does what {@link Engine.fetch} promises. */
export async function fetchCluster(
  store: EncryptedStore,
  records: readonly CoreRecord[],
  target: RestoreTarget,
  cluster: string,
  report: Report,
): Promise<Fetched> {
  const { links, wal, timeline } = await plan(store, records, target, report);
  const last = links.at(-1) as CoreRecord;
  await extractChain(store, links, cluster, report);
  await recoverTo(cluster, target, { systemId: last.systemId, timeline: timeline.timeline });
  return {
    label: last.label,
    bytes: last.databaseBytes,
    env: await store.environment(),
    newestSegment: newestWhole(wal, timeline.timeline),
  };
}

/** @throws BackupError when no backup ends before the target, or WAL up to the target is missing */
async function plan(
  store: EncryptedStore,
  records: readonly CoreRecord[],
  target: RestoreTarget,
  report: Report,
): Promise<Plan> {
  const pick = (from: readonly CoreRecord[]) => {
    const found = backupFor(target, from);
    return from.find(({ label }) => label === found?.label);
  };
  const newest = pick(records);
  if (newest === undefined) throw noBackup(records);
  const wal = await readWal(store, newest);
  const timeline = timelineAt(wal, timeOf(target));
  const candidates = records.filter(
    (record) => record.systemId === newest.systemId && timeline !== undefined && isOn(record, timeline),
  );
  const record = pick(candidates);
  if (record === undefined || timeline === undefined) throw noBackup(candidates);
  const links = chainOf(record, records);
  if (links === undefined) {
    throw new BackupError(`backup ${record.label} stands on ${record.parent}, and part of that is missing`);
  }
  requireWal(target, record, wal, timeline, report);
  return { links, wal, timeline };
}

const timeOf = (target: RestoreTarget) =>
  target.type === "latest" ? undefined : target.type === "time" ? target.time : target.at;

function noBackup(records: readonly CoreRecord[]): BackupError {
  const [oldest] = records;
  if (oldest === undefined) return new BackupError("there is no backup yet", "make backup");
  return new BackupError(
    `the oldest backup ended at ${oldest.stoppedAt}: nothing before that can be restored`,
    "make backup-list shows what there is",
  );
}

/** Postgres takes a gap for the end of the WAL, and for the latest state says nothing. */
function requireWal(target: RestoreTarget, record: CoreRecord, wal: Wal, timeline: Timeline, report: Report): void {
  const [first, ...more] = missingIn(rangesFrom(record, wal, timeline), wal);
  if (first === undefined) return;
  const index = segmentIndex(first, wal.segmentBytes);
  const own = [...(wal.segments.get(timeline.timeline)?.values() ?? [])];
  const at = timeOf(target);
  // A segment behind the gap that was there before the target: the target is behind the gap.
  const isBehind = own.some((segment) => segment.index > index && (at === undefined || segment.modifiedAt <= at));
  const problem = `WAL segment ${first}${more.length === 0 ? "" : ` and ${more.length} more`} is missing`;
  if (at === undefined || isBehind) {
    throw new BackupError(
      `${problem}: what was written after it cannot be restored from backup ${record.label}`,
      "restore to a time before it (TO=time:…), or make a full backup at once if Postgres still runs",
    );
  }
  report({ event: "log", line: `${problem}; the target seems to be before it` });
}

function newestWhole(wal: Wal, timeline: number): string | null {
  const whole = [...(wal.segments.get(timeline)?.values() ?? [])].filter(({ isWhole }) => isWhole);
  if (whole.length === 0) return null;
  return segmentName(timeline, Math.max(...whole.map(({ index }) => index)), wal.segmentBytes);
}

/** Puts the cluster of a chain of backups together. Each link is checked: combining looks at the chain, not at the bytes. */
async function extractChain(store: EncryptedStore, links: readonly CoreRecord[], cluster: string, report: Report) {
  const [full] = links;
  const total = links.reduce((sum, { repositoryBytes }) => sum + repositoryBytes, 0);
  const progress = progressOf(report, "restore", total);
  if (links.length === 1 && full !== undefined) {
    await extract(store, full.label, cluster, progress);
  } else {
    const work = join(dirname(cluster), "backup-chain");
    await output("rm", ["-rf", work]);
    const folders = links.map(({ label }) => join(work, label));
    let before = 0;
    for (const [index, { label, repositoryBytes }] of links.entries()) {
      const folder = folders[index] as string;
      await extract(store, label, folder, (count) => progress(before + count));
      await verify(folder, label);
      before += repositoryBytes;
    }
    report({ event: "step", title: `combining ${links.length} backups` });
    await output("pg_combinebackup", ["--manifest-checksums=SHA256", `--output=${cluster}`, ...folders]);
    await output("rm", ["-rf", work]);
  }
  await verify(cluster, links.at(-1)?.label ?? "");
}

async function extract(store: EncryptedStore, label: string, folder: string, onBytes: (bytes: number) => void) {
  await output("mkdir", ["-p", "-m", "0700", folder]);
  const unpack: Stage = ["tar", ["--extract", "--directory", folder]];
  await chain([await store.get(namesOf(label).tar), piped(decompress, unpack)], { onBytes });
}

async function verify(folder: string, label: string): Promise<void> {
  try {
    await output("pg_verifybackup", ["--no-parse-wal", "--quiet", folder]);
  } catch (error) {
    throw new BackupError(`backup ${label} is damaged: ${(error as Error).message}`, "make backup TYPE=full");
  }
}
