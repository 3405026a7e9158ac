import { readFile } from "node:fs/promises";
import type { EncryptedStore } from "../store.ts";
import { type SinkFile, sinkFiles } from "../wal-sink-files.ts";
import { type ArchivedFile, CoreArchive } from "./core-archive.ts";
import { decompress, piped, textOf } from "./core-pipe.ts";
import type { CoreRecord } from "./core-records.ts";
import { type Ancestor, lsnBytes, parseHistory, segmentIndex, segmentName, timelineOf } from "./core-segments.ts";

/** A timeline, and where it comes from. */
export interface Timeline {
  readonly timeline: number;
  /** Oldest first. */
  readonly ancestors: readonly Ancestor[];
  /** When it was first seen. */
  readonly since: Date;
}

/** A segment that a restore can read. */
export interface Segment {
  readonly index: number;
  /** False for one of which there is only the beginning. */
  readonly isWhole: boolean;
  readonly modifiedAt: Date;
}

/** All WAL of one cluster, archived and in the sink. */
export interface Wal {
  readonly systemId: string;
  readonly segmentBytes: number;
  /** Oldest first. */
  readonly timelines: readonly Timeline[];
  /** Of each timeline, index -> segment. */
  readonly segments: ReadonlyMap<number, ReadonlyMap<number, Segment>>;
}

/** Looks at the names of all files, and into the histories of timelines. */
export async function readWal(
  store: EncryptedStore,
  { systemId, segmentBytes }: Pick<CoreRecord, "systemId" | "segmentBytes">,
): Promise<Wal> {
  const files: (ArchivedFile | SinkFile)[] = [...(await new CoreArchive(store).list()), ...(await sinkFiles())];
  const own = files.filter((file) => file.systemId === systemId);
  const histories = new Map<number, Timeline>();
  for (const file of own.filter(({ name }) => name.endsWith(".history"))) {
    const timeline = timelineOf(file.name);
    const known = histories.get(timeline);
    const since = known === undefined || file.modifiedAt < known.since ? file.modifiedAt : known.since;
    const ancestors = known?.ancestors ?? parseHistory(await historyText(store, file));
    histories.set(timeline, { timeline, ancestors, since });
  }
  return walOf(own, [...histories.values()], { systemId, segmentBytes });
}

/** The same from what was read; the first timeline has no history. */
export function walOf(
  files: readonly Pick<SinkFile, "name" | "isPartial" | "modifiedAt">[],
  histories: readonly Timeline[],
  { systemId, segmentBytes }: Pick<CoreRecord, "systemId" | "segmentBytes">,
): Wal {
  const segments = new Map<number, Map<number, Segment>>();
  for (const { name, isPartial, modifiedAt } of files.filter(({ name }) => !name.endsWith(".history"))) {
    const timeline = timelineOf(name);
    const index = segmentIndex(name, segmentBytes);
    const own = segments.get(timeline) ?? new Map<number, Segment>();
    segments.set(timeline, own);
    if (own.get(index)?.isWhole !== true) own.set(index, { index, isWhole: !isPartial, modifiedAt });
  }
  const begun = new Set(histories.map(({ timeline }) => timeline));
  const others = [...segments.keys()].filter((timeline) => !begun.has(timeline));
  const first = others.map((timeline) => ({ timeline, ancestors: [], since: new Date(0) }));
  const timelines = [...first, ...histories].sort((a, b) => a.timeline - b.timeline);
  return { systemId, segmentBytes, timelines, segments };
}

/** A part of one timeline, both ends included. */
export interface Range {
  readonly timeline: number;
  readonly from: number;
  readonly to: number;
}

/** The last segment of a timeline of which there is anything; undefined when there is nothing. */
export function lastOf({ segments }: Wal, timeline: number): Segment | undefined {
  const indexes = [...(segments.get(timeline)?.keys() ?? [])];
  return indexes.length === 0 ? undefined : segments.get(timeline)?.get(indexes.reduce((a, b) => Math.max(a, b)));
}

/** Does a timeline go on from this backup? */
export function isOn(record: CoreRecord, { timeline, ancestors }: Timeline): boolean {
  if (record.timeline === timeline) return true;
  const left = ancestors.find((ancestor) => ancestor.timeline === record.timeline);
  return left !== undefined && lsnBytes(record.stopLsn) <= lsnBytes(left.end);
}

/** The segments that a restore reads from a backup up to the end of a timeline that goes on from it. */
export function rangesFrom(record: CoreRecord, wal: Wal, { timeline, ancestors }: Timeline): Range[] {
  const indexOf = ({ end }: Ancestor) => Math.floor(lsnBytes(end) / wal.segmentBytes);
  const ranges: Range[] = [];
  let from = segmentIndex(record.startSegment, wal.segmentBytes);
  for (const ancestor of ancestors) {
    if (ancestor.timeline < record.timeline) continue;
    // The segment in which a timeline is left is the first one of its successor too, which is the one that is read.
    ranges.push({ timeline: ancestor.timeline, from, to: indexOf(ancestor) - 1 });
    from = indexOf(ancestor);
  }
  const last = lastOf(wal, timeline)?.index ?? from - 1;
  const stop = record.timeline === timeline ? segmentIndex(record.stopSegment, wal.segmentBytes) : last;
  return [...ranges, { timeline, from, to: Math.max(last, stop) }].filter(({ from, to }) => from <= to);
}

/** Segments of which a restore would need all, and that are not there or not whole; by name, in their order. */
export function missingIn(ranges: readonly Range[], wal: Wal): string[] {
  return ranges.flatMap((range) => {
    const { timeline, from, to } = range;
    const own = wal.segments.get(timeline);
    // WAL ends in a segment that is not whole.
    const isEnd = (index: number) => index === to && range === ranges.at(-1);
    const wanted = Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
    const missing = wanted.filter(
      (index) => !(own?.get(index)?.isWhole ?? false) && !(isEnd(index) && own?.has(index)),
    );
    return missing.map((index) => segmentName(timeline, index, wal.segmentBytes));
  });
}

/** The timeline that the cluster was on at a time; without one, the newest. */
export function timelineAt({ timelines }: Wal, at?: Date): Timeline | undefined {
  return at === undefined ? timelines.at(-1) : timelines.findLast(({ since }) => since <= at);
}

async function historyText(store: EncryptedStore, file: ArchivedFile | SinkFile): Promise<string> {
  if (!("stored" in file)) return readFile(file.path, "utf8").catch(() => "");
  return textOf(piped(await store.get(file.stored), decompress));
}
