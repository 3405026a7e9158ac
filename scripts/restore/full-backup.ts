import { type BackupRecord, describeBackup } from "../backup/now.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { withProgress } from "../lib/backup-agent/progress.ts";
import { waitForAgent } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";

/** The first backup of a cluster that was just brought back. A failure is told: the restore itself has worked. */
export async function backUpFully(deps: Deps, container: string): Promise<void> {
  try {
    const record = await withProgress(deps, { id: "backup", title: "Full backup" }, async (report) => {
      await waitForAgent(deps, container);
      return callAgent<BackupRecord>(deps, inContainer(container, ["now", "--type", "full"]), report);
    });
    deps.print(describeBackup(record));
  } catch (error) {
    deps.print(`warning: there is no full backup of this state yet: ${(error as Error).message}`);
  }
}
