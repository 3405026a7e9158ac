import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { formatTime } from "../lib/format.ts";
import type { BackupOptions } from "./now.ts";

/** A restore point as the agent made it. */
export interface MadePoint {
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
  readonly lsn: string;
}

/** Gives this moment a name; everything written before it is in the repository when this returns. */
export async function makePoint(
  { stack, json, name }: BackupOptions & { readonly name: string },
  deps: Deps,
): Promise<number> {
  const { containers } = await readBackupStack(deps, stack);
  const point = await callAgent<MadePoint>(deps, inContainer(containers.backup, ["point", name]));
  const text = `point ${point.name} at ${formatTime(point.at)}; to go back: make restore POINT=${point.name}`;
  deps.print(json ? JSON.stringify(point) : text);
  return 0;
}
