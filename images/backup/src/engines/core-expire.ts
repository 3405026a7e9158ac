import type { EncryptedStore } from "../store.ts";
import { type ArchivedFile, CoreArchive } from "./core-archive.ts";
import { type CoreRecord, expired, namesOf } from "./core-records.ts";
import { segmentIndex, timelineOf } from "./core-segments.ts";
import { isOn, type Range, rangesFrom, readWal, type Wal } from "./core-wal.ts";

/** What a backup that never got its record may lie around, in milliseconds: one may be under way. */
const leftoverAge = 86_400_000;

/** Removes what retention does not keep, then the WAL that no kept backup needs. @returns the labels of removed backups */
export async function expire(
  store: EncryptedStore,
  records: readonly CoreRecord[],
  retention: { readonly days: number; readonly fulls: number },
): Promise<string[]> {
  const gone = expired(records, retention);
  for (const { label } of gone) {
    const { record, manifest, tar } = namesOf(label);
    // The record first: what it names must be there as long as it is.
    for (const name of [record, manifest, tar]) await store.remove(name);
  }
  const kept = records.filter((record) => !gone.includes(record));
  for (const { stored } of await unneeded(store, kept)) await store.remove(stored);
  await removeLeftovers(store, kept);
  return gone.map(({ label }) => label).reverse();
}

async function unneeded(store: EncryptedStore, kept: readonly CoreRecord[]): Promise<ArchivedFile[]> {
  const [oldest] = kept;
  if (oldest === undefined) return [];
  const files = (await new CoreArchive(store).list()).filter(({ name }) => !name.endsWith(".history"));
  const systems = Map.groupBy(files, ({ systemId }) => systemId);
  const unneeded: ArchivedFile[] = [];
  for (const [systemId, own] of systems) {
    const records = kept.filter((record) => record.systemId === systemId);
    const [first] = records;
    // WAL of a cluster without a backup is that of a new one, or of one whose backups are all gone.
    if (first === undefined) unneeded.push(...own.filter(({ modifiedAt }) => isBefore(modifiedAt, oldest)));
    else {
      const ranges = neededRanges(records, await readWal(store, first));
      unneeded.push(...own.filter(({ name }) => !isIn(ranges, name, first.segmentBytes)));
    }
  }
  return unneeded;
}

/** All WAL that a restore from one of the backups reads, on whatever timeline. */
export function neededRanges(records: readonly CoreRecord[], wal: Wal): Range[] {
  return wal.timelines.flatMap((timeline) => {
    const oldest = records.find((record) => isOn(record, timeline));
    return oldest === undefined ? [] : rangesFrom(oldest, wal, timeline);
  });
}

function isIn(ranges: readonly Range[], name: string, segmentBytes: number): boolean {
  const [timeline, index] = [timelineOf(name), segmentIndex(name, segmentBytes)];
  return ranges.some((range) => range.timeline === timeline && range.from <= index && index <= range.to);
}

function isBefore(modifiedAt: Date, { startedAt }: CoreRecord): boolean {
  return modifiedAt.getTime() < Date.parse(startedAt);
}

async function removeLeftovers(store: EncryptedStore, kept: readonly CoreRecord[]): Promise<void> {
  const known = new Set(kept.flatMap(({ label }) => Object.values(namesOf(label))));
  for (const { name, modifiedAt } of await store.list("base")) {
    if (!known.has(name) && Date.now() - modifiedAt.getTime() > leftoverAge) await store.remove(name);
  }
}
