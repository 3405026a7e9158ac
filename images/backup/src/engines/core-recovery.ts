import { join } from "node:path";
import { writeRecovery } from "../recovery.ts";
import { output } from "../run.ts";
import { restoreCommand } from "../wal-sink-files.ts";
import { walFolder } from "./core-archive.ts";
import type { RestoreTarget } from "./engine.ts";

/** Has Postgres replay up to the target on its next start, and begin a timeline of its own there. */
export async function recoverTo(
  cluster: string,
  target: RestoreTarget,
  { systemId, timeline }: { systemId: string; timeline: number | "current" },
): Promise<void> {
  const get = `sh ${join(import.meta.dirname, "core-get-wal.sh")} ${walFolder(systemId)} %f %p`;
  await writeRecovery(cluster, {
    restore_command: restoreCommand(get),
    recovery_target_timeline: String(timeline),
    recovery_target_action: "promote",
    ...(target.type === "name" ? { recovery_target_name: target.name } : {}),
    ...(target.type === "time" ? { recovery_target_time: target.time.toISOString().replace("Z", "+00") } : {}),
  });
}

/** Has a cluster follow its own timeline to its end, and begin another. */
export async function recoverOwnTimeline(cluster: string): Promise<void> {
  const systemId = /^Database system identifier:\s*(\d+)$/m.exec(await output("pg_controldata", [cluster]))?.[1];
  await recoverTo(cluster, { type: "latest" }, { systemId: systemId ?? "", timeline: "current" });
}
