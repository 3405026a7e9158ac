import type { Repository, RestoreTarget } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { formatTime } from "../lib/format.ts";

/** How an operator names a moment; exactly one of them. */
export interface TargetOptions {
  /** Anything that Date understands; without a zone it is this host's local time. */
  readonly at?: string | undefined;
  /** A named restore point. */
  readonly point?: string | undefined;
  readonly latest?: boolean | undefined;
}

/** @throws UserError unless exactly one moment is named, and a time is a valid one */
export function parseTarget({ at, point, latest = false }: TargetOptions): RestoreTarget {
  if ([at !== undefined, point !== undefined, latest].filter(Boolean).length !== 1) {
    throw new UserError(
      "a restore needs exactly one moment",
      'add LATEST=1, AT="2026-11-24 10:00:00Z" or POINT=NAME; make backup-list shows the choice',
    );
  }
  if (latest) return { type: "latest" };
  if (point !== undefined) return { type: "name", name: point };
  const time = new Date(at ?? "");
  if (Number.isNaN(time.getTime())) {
    throw new UserError(`"${at}" is not a valid time`, 'write "2026-11-24 10:00:00Z"; without Z it is local time');
  }
  return { type: "time", time: time.toISOString() };
}

/** The moment for a person. */
export function describeTarget(target: RestoreTarget): string {
  if (target.type === "latest") return "the last write in the repository";
  return target.type === "time" ? formatTime(target.time) : `the point "${target.name}"`;
}

/** @throws UserError when the repository has no backup before this moment, or no such point */
export function requireReachable(target: RestoreTarget, { backups, pointInTime, points }: Repository): void {
  if (backups.length === 0) throw new UserError("the repository has no backup yet", "make backup");
  if (target.type === "name") requirePoint(target.name, points);
  if (target.type === "time") requireTime(Date.parse(target.time), pointInTime);
}

function requirePoint(wanted: string, points: Repository["points"]): void {
  // Heartbeats are points that the agent makes and does not list.
  if (wanted.startsWith("hb_") || points.some(({ name }) => name === wanted)) return;
  const names = points.map(({ name }) => name).join(", ");
  throw new UserError(`there is no restore point "${wanted}"`, names === "" ? "make backup-list" : `use ${names}`);
}

function requireTime(time: number, range: Repository["pointInTime"]): void {
  if (time > Date.now()) throw new UserError(`${formatTime(time)} is in the future`, `it is ${formatTime(Date.now())}`);
  if (range === null || time >= Date.parse(range.from)) return;
  throw new UserError(
    `${formatTime(time)} is before the first moment that can be restored, ${formatTime(range.from)}`,
    "make backup-list shows what there is",
  );
}
