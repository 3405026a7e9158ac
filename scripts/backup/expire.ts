import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import type { BackupOptions } from "./now.ts";

/** Removes what retention does not keep, as the agent does after each full backup. */
export async function expireBackups({ stack, json }: BackupOptions, deps: Deps): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const result = await callAgent<{ removed: string[] }>(deps, inContainer(containers.backup, ["expire"]));
  const { removed } = result;
  const text = removed.length === 0 ? "nothing is older than the retention" : `removed: ${removed.join(", ")}`;
  deps.print(json ? JSON.stringify(result) : text);
  return 0;
}
