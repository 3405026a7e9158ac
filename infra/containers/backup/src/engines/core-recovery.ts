import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output } from "../run.ts";
import { restoreCommand } from "../wal-sink-files.ts";
import { walFolder } from "./core-archive.ts";
import type { RestoreTarget } from "./engine.ts";

/** What {@link writeRecovery} sets, and what an earlier recovery or a sink may have left behind. */
const recoverySetting = /^\s*(?:recovery_|restore_command|archive_cleanup_command|synchronous_standby_names)/;

/** Has Postgres replay up to the target on its next start, and begin a timeline of its own there. */
export async function writeRecovery(
  cluster: string,
  target: RestoreTarget,
  { systemId, timeline }: { systemId: string; timeline: number },
): Promise<void> {
  const get = `sh ${join(import.meta.dirname, "core-get-wal.sh")} ${walFolder(systemId)} %f %p`;
  const settings = {
    restore_command: restoreCommand(get),
    recovery_target_timeline: String(timeline),
    recovery_target_action: "promote",
    ...(target.type === "name" ? { recovery_target_name: target.name } : {}),
    ...(target.type === "time" ? { recovery_target_time: target.time.toISOString().replace("Z", "+00") } : {}),
  };
  const file = join(cluster, "postgresql.auto.conf");
  const kept = (await readFile(file, "utf8")).split("\n").filter((line) => !recoverySetting.test(line));
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  await writeFile(file, `${kept.join("\n").trimEnd()}\n${lines.join("\n")}\n`);
  await output("touch", [join(cluster, "recovery.signal")]);
}
