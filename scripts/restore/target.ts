import { UserError } from "../../infra/lib/errors.ts";
import type { Repository } from "../lib/backup-agent/results.ts";
import { formatTime } from "../lib/format.ts";

/** The moment to go back to. */
export interface Target {
  /** As the agent takes it. */
  readonly agent: string;
  /** For a person. */
  readonly text: string;
}

/** How an operator names a moment. */
export interface TargetOptions {
  /** The word `latest`. */
  readonly what?: string | undefined;
  /** A time that Date understands; without a zone it is this host's. */
  readonly to?: string | undefined;
  /** A named restore point. */
  readonly name?: string | undefined;
}

/** @throws UserError when no moment is named, or more than one, or the time is none */
export function parseTarget({ what, to, name }: TargetOptions): Target {
  const given = [what, to, name].filter((value) => value !== undefined);
  if (given.length !== 1 || (what !== undefined && what !== "latest")) {
    throw new UserError(
      "a restore needs one moment to go back to",
      'restore latest, restore --to "2026-11-24 10:00:00Z", or restore --name POINT (backup list shows what there is)',
    );
  }
  if (name !== undefined) return { agent: `name:${name}`, text: `the point "${name}"` };
  if (to === undefined) return { agent: "latest", text: "the last write that is in the repository" };
  const time = new Date(to);
  if (Number.isNaN(time.getTime())) {
    throw new UserError(
      `"${to}" is no time`,
      'write it as "2026-11-24 10:00:00Z", or without Z in the time of this host',
    );
  }
  return { agent: `time:${time.toISOString()}`, text: formatTime(time) };
}

/** @throws UserError when the repository has no backup before this moment, or no such point */
export function requireReachable({ agent }: Target, { backups, pointInTime, points }: Repository): void {
  if (backups.length === 0) throw new UserError("the repository has no backup yet", "make backup");
  const [type, value] = [agent.slice(0, agent.indexOf(":")), agent.slice(agent.indexOf(":") + 1)];
  // Heartbeats are points that nobody has named.
  if (type === "name" && !value.startsWith("hb_") && !points.some(({ name }) => name === value)) {
    const names = points.map(({ name }) => name).join(", ");
    throw new UserError(
      `there is no restore point "${value}"`,
      names === "" ? "make backup-list" : `there are ${names}`,
    );
  }
  if (type !== "time") return;
  const time = Date.parse(value);
  if (time > Date.now()) throw new UserError(`${formatTime(time)} is in the future`, `it is ${formatTime(Date.now())}`);
  if (pointInTime !== null && time < Date.parse(pointInTime.from)) {
    throw new UserError(
      `${formatTime(time)} is before the first moment that can be restored, ${formatTime(pointInTime.from)}`,
      "make backup-list shows what there is",
    );
  }
}
