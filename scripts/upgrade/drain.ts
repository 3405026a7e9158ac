import { UserError } from "../../infra/lib/errors.ts";
import { drainFlags } from "../../infra/lib/gateway/config.ts";
import { until } from "../../infra/lib/until.ts";
import type { Deps } from "../lib/deps.ts";
import { literal, psql } from "../lib/psql.ts";
import type { Site } from "./operation.ts";

/** Has the gateway answer 503 to requests that would begin a run, or to all. Letta's own port is the operator's, and stays open. */
export async function keepOut(deps: Deps, { names }: Site, what: keyof typeof drainFlags): Promise<void> {
  await deps.engine.dockerOutput(["exec", names.gateway, "touch", drainFlags[what]]);
}

/** Lets clients in again. */
export async function letIn(deps: Deps, { names }: Site): Promise<void> {
  await deps.engine.dockerOutput(["exec", names.gateway, "rm", "-f", ...Object.values(drainFlags)]);
}

/**
 * Waits until no run is at work; those from before the server's start died with its predecessor, whatever their rows say.
 *
 * @param seconds 0: does not wait
 * @throws UserError with the runs that are still at work after that time
 */
export async function awaitRuns(deps: Deps, { names, place }: Site, seconds: number): Promise<void> {
  const startedAt = (await deps.engine.inspectContainer(names.server))?.State.StartedAt;
  if (startedAt === undefined || seconds === 0) return;
  const query = `
    select format('%s of %s, for %s s', id, agent_id, extract(epoch from now() - created_at)::int) from runs
    where status in ('created', 'running') and created_at > ${literal(startedAt)}::timestamptz order by created_at`;
  let runs: string[] | undefined;
  const areOver = async () => {
    const isFirst = runs === undefined;
    runs = await psql(deps, place.container, query, place.database);
    if (isFirst && runs.length > 0) deps.print(`waiting for runs to end: ${runs.length}`);
    return runs.length === 0;
  };
  const problem = () =>
    new UserError(
      `runs are still at work after ${seconds} s:\n    ${runs?.join("\n    ")}`,
      "cancel them, or wait longer: DRAIN_SECONDS=1800",
    );
  await until(areOver, { seconds, problem });
}
