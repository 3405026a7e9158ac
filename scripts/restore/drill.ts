import type { DrillResult } from "../../images/backup/src/drill.ts";
import type { BackupOptions } from "../backup/now.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { withProgress } from "../lib/backup-agent/progress.ts";
import { renderChecks } from "../lib/backup-agent/results.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes, formatDuration } from "../lib/format.ts";

/** Rehearses a restore beside the running stack, which it does not touch. Exit code 1 when it is not good. */
export async function drill(
  { stack, json, to }: BackupOptions & { readonly to?: string | undefined },
  deps: Deps,
): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const args = ["drill", ...(to === undefined ? [] : ["--to", to])];
  const work = { id: "drill", title: `Rehearsal of a restore of stack ${stack}`, isSilent: json };
  const result = await withProgress(deps, work, (report) =>
    callAgent<DrillResult>(deps, inContainer(containers.drill, args), report),
  );
  if (json) deps.print(JSON.stringify(result));
  else for (const line of renderDrill(result)) deps.print(line);
  return result.ok ? 0 : 1;
}

/** A rehearsal as lines for a terminal. */
export function renderDrill(result: DrillResult): string[] {
  const { ok, label, target, bytes, seconds, restoreSeconds, replaySeconds, lossSeconds, checks, problem } = result;
  const restored =
    bytes === null || restoreSeconds === null || replaySeconds === null
      ? []
      : [
          `  restored ${formatBytes(bytes)} from backup ${label} to ${target}, ${formatDuration(lossSeconds ?? 0)} old`,
          `  fetched in ${formatDuration(restoreSeconds)}, replayed in ${formatDuration(replaySeconds)}`,
        ];
  return [
    `the rehearsal ${ok ? "is good" : "FAILED"} (${formatDuration(seconds)})`,
    ...(problem === null ? [] : [`  ${problem}`]),
    ...restored,
    ...(checks.length === 0 ? [] : renderChecks(checks)),
  ];
}
