/** Where in the WAL something is: a byte position, as `0/16B3748`. */
export type Lsn = string;

/** Name of a WAL segment, without what is appended to one that is not complete. */
export const segmentPattern = /^[0-9A-F]{24}$/;

const perLogFile = (segmentBytes: number) => 0x1_0000_0000 / segmentBytes;

/** The position as a number of bytes. Exact up to 9 PB of WAL. */
export function lsnBytes(lsn: Lsn): number {
  const [high = "0", low = "0"] = lsn.split("/");
  return Number.parseInt(high, 16) * 0x1_0000_0000 + Number.parseInt(low, 16);
}

/** The segment that has this position. */
export function segmentAt(timeline: number, lsn: Lsn, segmentBytes: number): string {
  return segmentName(timeline, Math.floor(lsnBytes(lsn) / segmentBytes), segmentBytes);
}

/** The segment that has the last byte before this position, which is where WAL up to it ends. */
export function segmentBefore(timeline: number, lsn: Lsn, segmentBytes: number): string {
  return segmentName(timeline, Math.floor((lsnBytes(lsn) - 1) / segmentBytes), segmentBytes);
}

/** Name of a timeline's segment by its number. */
export function segmentName(timeline: number, index: number, segmentBytes: number): string {
  const perLog = perLogFile(segmentBytes);
  return [timeline, Math.floor(index / perLog), index % perLog].map(hex).join("");
}

/** The number of a segment, the same on each timeline. */
export function segmentIndex(name: string, segmentBytes: number): number {
  return Number.parseInt(name.slice(8, 16), 16) * perLogFile(segmentBytes) + Number.parseInt(name.slice(16, 24), 16);
}

/** The timeline of a segment or of a history file. */
export function timelineOf(name: string): number {
  return Number.parseInt(name.slice(0, 8), 16);
}

/** A timeline as names of files have it. */
export function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, "0");
}

/** A timeline and where its successor left it. */
export interface Ancestor {
  readonly timeline: number;
  readonly end: Lsn;
}

/** The timelines that a timeline's history file names, oldest first. */
export function parseHistory(text: string): Ancestor[] {
  const lines = text.split("\n").map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/.exec(line));
  return lines.flatMap((found) => (found === null ? [] : [{ timeline: Number(found[1]), end: found[2] as string }]));
}
