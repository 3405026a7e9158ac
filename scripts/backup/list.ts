import type { Repository } from "../../images/backup/src/contract.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import { readBackupStack, reading } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { drawTable, formatBytes, formatDuration, formatTime } from "../lib/format.ts";
import type { BackupOptions } from "./now.ts";

/** Shows the backups, the moments and the named points that can be restored. */
export async function listBackups({ stack, json }: BackupOptions, deps: Deps): Promise<number> {
  const site = await readBackupStack(deps, stack);
  const repository = await callAgent<Repository>(deps, await reading(deps, site, ["list"]));
  if (json) deps.print(JSON.stringify(repository));
  else for (const line of renderRepository(stack, repository)) deps.print(line);
  return 0;
}

/** The repository as lines for a terminal. */
export function renderRepository(stack: string, { backups, pointInTime, points }: Repository): string[] {
  if (backups.length === 0) return [`stack ${stack} has no backup yet: make backup`];
  const rows = backups.map((backup) => [
    backup.label,
    backup.type,
    formatTime(backup.stoppedAt),
    formatDuration((Date.parse(backup.stoppedAt) - Date.parse(backup.startedAt)) / 1000),
    formatBytes(backup.databaseBytes),
    formatBytes(backup.repositoryBytes),
    backup.error ? "WRONG CHECKSUMS" : "good",
  ]);
  const head = ["backup", "type", "ended", "took", "data", "stored", "state"];
  const range = pointInTime === null ? "nothing" : `${formatTime(pointInTime.from)} to ${formatTime(pointInTime.to)}`;
  return [
    `backups of stack ${stack}`,
    ...drawTable(head, rows),
    `every second can be restored: ${range}`,
    ...(points.length === 0 ? [] : ["named points:", ...points.map(({ name, at }) => `  ${name}  ${formatTime(at)}`)]),
  ];
}
