import { UserError } from "../../infra/lib/errors.ts";
import { type AgentSite, agentPaths } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";

/** What of `pg_controldata` tells where a cluster's WAL ends. */
interface ControlData {
  readonly state: string;
  readonly checkpoint: bigint;
  readonly segmentBytes: bigint;
}

/** Length of the header of a segment's first page: the first record of a segment begins after it. */
const longHeaderBytes = 40n;

/**
 * Proves that a restore reached the last record of the cluster it is to replace, which has been stopped cleanly.
 *
 * @throws UserError when it ends before
 */
export async function requireLastRecord(deps: Deps, site: AgentSite, volume: string, lsn: string): Promise<void> {
  const data = await controlData(deps, site, volume);
  if (data.state === "shut down" && hasLastRecord(parseLsn(lsn), data)) return;
  throw new UserError(
    `the repository lacks the last writes: volume ${volume} (${data.state}) ends at ${formatLsn(data.checkpoint)}, ` +
      `the restore at ${lsn}`,
    "make status shows why they were not archived",
  );
}

/**
 * True when nothing was written after `lsn` but the record of the shutdown itself.
 *
 * Postgres ends the last segment before that record, which is thus the first of a segment that is never archived.
 */
export function hasLastRecord(lsn: bigint, { checkpoint, segmentBytes }: Omit<ControlData, "state">): boolean {
  if (lsn >= checkpoint) return true;
  const isFirst = checkpoint % segmentBytes === longHeaderBytes;
  return isFirst && lsn / segmentBytes === checkpoint / segmentBytes - 1n;
}

async function controlData(deps: Deps, { image }: AgentSite, volume: string): Promise<ControlData> {
  const mount = `${volume}:${agentPaths.cluster}:ro`;
  const entrypoint = ["--entrypoint", "pg_controldata", image, "-D", `${agentPaths.cluster}/pgdata`];
  const text = await deps.engine.dockerOutput(["run", "--rm", "--network", "none", "--volume", mount, ...entrypoint]);
  return parseControlData(text);
}

/** @throws when it is not the output of pg_controldata */
export function parseControlData(text: string): ControlData {
  const value = (name: string) => {
    const found = new RegExp(`^${name}:\\s*(.+)$`, "m").exec(text)?.[1];
    if (found === undefined) throw new Error(`pg_controldata does not tell "${name}":\n${text}`);
    return found.trim();
  };
  return {
    state: value("Database cluster state"),
    checkpoint: parseLsn(value("Latest checkpoint location")),
    segmentBytes: BigInt(value("Bytes per WAL segment")),
  };
}

/** A log sequence number as a count of bytes. @throws when it is none */
export function parseLsn(text: string): bigint {
  const [high, low] = text.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase();
}
