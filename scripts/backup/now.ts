import type { BackupRecord } from "../../images/backup/src/contract.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { describeBackup } from "../lib/backup-agent/results.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { withProgress } from "../lib/progress.ts";

/** Options that every backup command has. */
export interface BackupOptions {
  readonly stack: string;
  /** The result alone, as JSON. */
  readonly json: boolean;
}

/** Makes a backup now; by default one of what has changed since the last. */
export async function backupNow(
  { stack, json, type }: BackupOptions & { readonly type?: BackupRecord["type"] | undefined },
  deps: Deps,
): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const args = ["now", ...(type === undefined ? [] : ["--type", type])];
  const work = { id: "backup", title: `Backup of stack ${stack}`, isSilent: json };
  const record = await withProgress(deps, work, (report) =>
    callAgent<BackupRecord>(deps, inContainer(containers.backup, args), report),
  );
  deps.print(json ? JSON.stringify(record) : describeBackup(record));
  return 0;
}
