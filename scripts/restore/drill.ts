import type { DrillResult } from "../../images/backup/src/contract.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { renderChecks } from "../lib/backup-agent/results.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes, formatDuration } from "../lib/format.ts";
import { withProgress } from "../lib/progress.ts";

export interface DrillOptions {
  readonly stack: string;
  /** Print the result alone, as JSON. */
  readonly json: boolean;
  /** A restore point; default: the newest heartbeat in the repository. */
  readonly point?: string | undefined;
}

/** Restores into scratch space next to the running stack, and checks the result. Exit code 1 when something is wrong. */
export async function drill({ stack, json, point }: DrillOptions, deps: Deps): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const args = ["drill", ...(point === undefined ? [] : ["--to", point])];
  const work = { id: "drill", title: `Restore drill of stack ${stack}`, isSilent: json };
  const result = await withProgress(deps, work, (report) =>
    callAgent<DrillResult>(deps, inContainer(containers.drill, args), report),
  );
  if (json) deps.print(JSON.stringify(result));
  else for (const line of renderDrill(result)) deps.print(line);
  return result.ok ? 0 : 1;
}

function renderDrill(result: DrillResult): string[] {
  const { ok, label, target, bytes, seconds, restoreSeconds, replaySeconds, lossSeconds, checks, problem } = result;
  const restored =
    bytes === null || restoreSeconds === null || replaySeconds === null
      ? []
      : [
          `  restored ${formatBytes(bytes)} from backup ${label} to ${target}, ${formatDuration(lossSeconds ?? 0)} old`,
          `  fetched in ${formatDuration(restoreSeconds)}, replayed in ${formatDuration(replaySeconds)}`,
        ];
  return [
    `the drill ${ok ? "passed" : "FAILED"} (${formatDuration(seconds)})`,
    ...(problem === null ? [] : [`  ${problem}`]),
    ...restored,
    ...(checks.length === 0 ? [] : renderChecks(checks)),
  ];
}
