import type { BackupRecord, Check, Restored } from "../../../images/backup/src/contract.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import type { Deps } from "../deps.ts";
import { formatBytes, formatDuration, formatTime } from "../format.ts";
import { withProgress } from "../progress.ts";
import { callAgent, inContainer } from "./call.ts";
import { waitForAgent } from "./stack.ts";

/** One line per check. */
export function renderChecks(checks: readonly Check[]): string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.map(({ name, ok, detail }) => `  ${ok ? "ok    " : "WRONG "} ${name.padEnd(width)}  ${detail}`);
}

/** One backup in one line. */
export function describeBackup(record: BackupRecord): string {
  const { label, type, bytes, databaseBytes, startedAt, stoppedAt } = record;
  const seconds = (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000;
  const size = `${formatBytes(bytes)} read of ${formatBytes(databaseBytes)}`;
  return `${type} backup ${label}: ${size}, in ${formatDuration(seconds)}`;
}

/** Prints what was restored and what the checks found. @throws UserError when a check failed */
export function requireSound(deps: Deps, restored: Restored): void {
  const { checks, bytes, restoreSeconds, replaySeconds, recoveredTo } = restored;
  const { at } = recoveredTo;
  const end = at === null ? "nothing was written after the backup" : `last write ${formatTime(at)}`;
  deps.print(`restored ${formatBytes(bytes)} in ${formatDuration(restoreSeconds + replaySeconds)}; ${end}`);
  for (const line of renderChecks(checks)) deps.print(line);
  const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (failed.length > 0)
    throw new UserError(`the restored data is damaged: ${failed.join(", ")}`, "restore another moment");
}

/** Makes the first backup of a cluster that was just restored. A failure is only a warning: the restore itself has worked. */
export async function backUpFully(deps: Deps, container: string): Promise<void> {
  try {
    const record = await withProgress(deps, { id: "backup", title: "Full backup" }, async (report) => {
      await waitForAgent(deps, container);
      return callAgent<BackupRecord>(deps, inContainer(container, ["now", "--type", "full"]), report);
    });
    deps.print(describeBackup(record));
  } catch (error) {
    deps.print(`warning: there is no full backup of the restored data yet: ${(error as Error).message}`);
  }
}
