import type { Check } from "../../images/backup/src/contract.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { renderChecks } from "../lib/backup-agent/results.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { withProgress } from "../lib/progress.ts";
import type { BackupOptions } from "./now.ts";

/** Reads the whole repository. @throws UserError naming what is damaged */
export async function verifyBackups({ stack, json }: BackupOptions, deps: Deps): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const work = { id: "verify", title: `Reading the backups of stack ${stack}`, isSilent: json };
  const result = await withProgress(deps, work, (report) =>
    callAgent<{ checks: readonly Check[] }>(deps, inContainer(containers.backup, ["verify"]), report),
  );
  if (json) deps.print(JSON.stringify(result));
  else for (const line of renderChecks(result.checks)) deps.print(line);
  return 0;
}
