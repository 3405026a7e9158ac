import { paths } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import type { AgentSite } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";

/** Where a cluster's WAL ends, by `pg_controldata`. */
interface ControlData {
  readonly state: string;
  /** Log sequence number of the last checkpoint; of a cluster that was stopped cleanly, its last record. */
  readonly checkpoint: string;
  readonly segmentBytes: bigint;
}

/** Length of the header of a segment's first page, after which the first record begins. */
const longHeaderBytes = 40n;

/**
 * Proves that a restore reached the last record of the cluster it is to replace, which was stopped cleanly.
 *
 * @throws UserError when it ended before
 */
export async function requireLastRecord(deps: Deps, { image }: AgentSite, volume: string, lsn: string): Promise<void> {
  const mount = `${volume}:${paths.volume}:ro`;
  const entrypoint = ["--entrypoint", "pg_controldata", image, "-D", paths.cluster];
  const output = await deps.engine.dockerOutput(["run", "--rm", "--network", "none", "--volume", mount, ...entrypoint]);
  const data = parseControlData(output);
  if (data.state === "shut down" && hasLastRecord(lsn, data)) return;
  throw new UserError(
    `the repository lacks the last writes: volume ${volume} (${data.state}) ends at ${data.checkpoint}, the restore at ${lsn}`,
    "make status shows why they were not archived",
  );
}

/**
 * True when nothing was written after `lsn` but the record of the shutdown itself.
 *
 * Postgres ends the last segment before that record, which is then the first of a segment that is never archived.
 */
export function hasLastRecord(lsn: string, data: Omit<ControlData, "state">): boolean {
  const [end, checkpoint] = [position(lsn), position(data.checkpoint)];
  if (end >= checkpoint) return true;
  const isFirst = checkpoint % data.segmentBytes === longHeaderBytes;
  return isFirst && end / data.segmentBytes === checkpoint / data.segmentBytes - 1n;
}

/** @throws when it is not the output of pg_controldata */
export function parseControlData(output: string): ControlData {
  const value = (name: string) => {
    const found = new RegExp(`^${name}:\\s*(.+)$`, "m").exec(output)?.[1];
    if (found === undefined) throw new Error(`pg_controldata does not report "${name}":\n${output}`);
    return found.trim();
  };
  return {
    state: value("Database cluster state"),
    checkpoint: value("Latest checkpoint location"),
    segmentBytes: BigInt(value("Bytes per WAL segment")),
  };
}

/** A log sequence number as a count of bytes. */
function position(lsn: string): bigint {
  const [high, low] = lsn.split("/");
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}
