import type { BackupStatus } from "../../images/backup/src/contract.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes, formatDuration } from "../lib/format.ts";
import type { LettaStack } from "../lib/stacks.ts";

/** What a letta stack's backups are: their state, or in one line why there are none; `null` where the agent does not answer. */
export type BackupState = BackupStatus | string | null;

/** Asks the agent of a letta stack. */
export async function readBackupState(
  deps: Deps,
  { backup }: Pick<LettaStack, "backup">,
  patience = { timeoutSeconds: 20 },
): Promise<BackupState> {
  if (backup?.enabled === undefined) return "no backups yet: an older version brought this stack up, make letta-start";
  if (!backup.enabled) return "no backups: thoth-letta:backup.enabled is false";
  const { exitCode, stdout } = await deps.engine.execIn(backup.container, ["backup", "status"], patience);
  if (exitCode !== 0) return null;
  return (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { value: BackupStatus }).value;
}

/** False when the backups need somebody; that there are none is for the operator to choose. */
export function isBackupHealthy(state: BackupState): boolean {
  return state !== null && (typeof state === "string" || state.problems.length === 0);
}

/** The backups as lines for a person. */
export function backupNotes(state: BackupState, now = Date.now()): string[] {
  if (state === null) return ["backups: unknown, the agent does not answer"];
  if (typeof state === "string") return [state];
  const age = (at: string) => `${formatDuration(Math.max(0, (now - Date.parse(at)) / 1000))} ago`;
  const { lastBackup, lossSeconds, drill, offsite, problems } = state;
  const last =
    lastBackup === null
      ? "none yet"
      : `last ${age(lastBackup.at)} (${lastBackup.type}, ${formatBytes(lastBackup.bytes)})`;
  const loss = lossSeconds === null ? "unknown" : formatDuration(lossSeconds);
  return [
    `backups: ${last}; loss window ${loss}`,
    `drill: ${drill === null ? "none yet" : `${drill.ok ? "ok" : "FAILED"}, ${age(drill.at)}, in ${formatDuration(drill.seconds)}`}`,
    offsite.configured
      ? `off-site copy: ${offsite.lastPushAt === null ? "none yet" : `last ${age(offsite.lastPushAt)}`}`
      : "no off-site copy",
    ...problems.map((problem) => `backup problem: ${problem}`),
  ];
}
