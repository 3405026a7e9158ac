import type { Restored } from "../../images/backup/src/restore.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { renderChecks } from "../backup/verify.ts";
import type { Deps } from "../lib/deps.ts";
import { formatBytes, formatDuration, formatTime } from "../lib/format.ts";

/** Tells what a restore found. @throws UserError when a check failed */
export function requireSound(
  deps: Deps,
  { checks, bytes, restoreSeconds, replaySeconds, recoveredTo }: Restored,
): void {
  const seconds = formatDuration(restoreSeconds + replaySeconds);
  const end =
    recoveredTo.at === null ? "nothing was written after the backup" : `last write ${formatTime(recoveredTo.at)}`;
  deps.print(`restored ${formatBytes(bytes)} in ${seconds}; ${end}`);
  for (const line of renderChecks(checks)) deps.print(line);
  const wrong = checks.filter(({ ok }) => !ok).map(({ name }) => name);
  if (wrong.length > 0)
    throw new UserError(`what was restored is not sound: ${wrong.join(", ")}`, "restore another moment");
}
