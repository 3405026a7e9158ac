import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../infra/lib/errors.ts";
import { drainFlags } from "../../infra/lib/gateway/config.ts";
import type { Deps } from "../lib/deps.ts";
import { formatDuration } from "../lib/format.ts";
import { literal } from "../lib/psql.ts";
import { type Place, queryJson } from "./inventory.ts";

/** A run that Letta has not ended. */
interface ActiveRun {
  readonly id: string;
  readonly agent: string;
  readonly seconds: number;
}

const pollMilliseconds = 500;

/** Has the proxy answer 503 to what would begin a run, or to all clients. Letta's own port is the operator's, and open. */
export async function keepOut(deps: Deps, nginx: string, what: keyof typeof drainFlags): Promise<void> {
  await deps.engine.dockerOutput(["exec", nginx, "touch", drainFlags[what]]);
}

/** Lets clients in again. */
export async function letIn(deps: Deps, nginx: string): Promise<void> {
  await deps.engine.dockerOutput(["exec", nginx, "rm", "-f", ...Object.values(drainFlags)]);
}

/**
 * Waits until no run is at work.
 *
 * @param server the Letta server's container; runs from before its start were killed with its predecessor, whatever their
 * rows say
 * @returns how many it waited for
 * @throws UserError naming those that are still at work after `timeoutSeconds`
 */
export async function awaitRuns(
  deps: Deps,
  { place, server, timeoutSeconds }: { place: Place; server: string; timeoutSeconds: number },
): Promise<number> {
  const startedAt = (await deps.engine.inspectContainer(server))?.State.StartedAt;
  if (startedAt === undefined || timeoutSeconds === 0) return 0;
  const deadline = Date.now() + timeoutSeconds * 1000;
  const seen = new Set<string>();
  for (;;) {
    const runs = await queryJson<ActiveRun[]>(deps, place, activeRuns(startedAt));
    if (runs.length === 0) return seen.size;
    if (seen.size === 0) deps.print(`waiting for ${runs.length} ${runs.length === 1 ? "run" : "runs"} to end`);
    for (const { id } of runs) seen.add(id);
    if (Date.now() > deadline) throw stillAtWork(runs, timeoutSeconds);
    await sleep(pollMilliseconds);
  }
}

const activeRuns = (since: string) => `
select coalesce(json_agg(json_build_object(
  'id', id, 'agent', agent_id, 'seconds', extract(epoch from now() - created_at)::int) order by created_at), '[]')
from runs where status in ('created', 'running') and created_at > ${literal(since)}::timestamptz`;

function stillAtWork(runs: readonly ActiveRun[], timeoutSeconds: number): UserError {
  const lines = runs.map(({ id, agent, seconds }) => `    ${id} of ${agent}, for ${formatDuration(seconds)}`);
  return new UserError(
    `${runs.length === 1 ? "1 run is" : `${runs.length} runs are`} still at work after ${timeoutSeconds} s:\n${lines.join("\n")}`,
    "cancel them, or wait longer: --drain-seconds 1800; with 0 they get the 120 s of a stop",
  );
}
