import { UserError } from "../../infra/lib/errors.ts";
import { readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, requireEnded, requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { countRows } from "../lib/rows.ts";
import { readSwitches } from "./history.ts";
import { mayGoOn, type RestoreOptions, type ServerRestore } from "./server.ts";
import { runServerRestore } from "./server-steps.ts";

/** Goes back to the volume that Postgres was on before the last restore. Done twice, it is as it was. */
export async function undoServerRestore(options: RestoreOptions, deps: Deps): Promise<number> {
  const { stack, dryRun } = options;
  await requireSetup(deps, stack);
  const halfDone = await unfinishedSwitch(deps, stack);
  const site = await readBackupStack(deps, stack);
  const [from, to] =
    halfDone === undefined ? await lastSwitch(deps, stack, site.letta.volumes.postgres) : [halfDone.to, halfDone.from];
  await requireVolume(deps, to);
  deps.print(`undo of the last restore of stack ${stack}:`);
  deps.print(`  back to    volume ${to}, as it was when Postgres left it`);
  deps.print("  down       Letta and Postgres, for seconds");
  deps.print(`  kept       volume ${from}: restore undo goes back to it`);
  if (dryRun) return 0;
  if (!(await mayGoOn(options, site, deps))) return 1;
  const wasUp = await isPostgresUp(deps, site.containers.postgres);
  const rows = wasUp ? await countRows(deps, site.containers.postgres, ["letta", ...site.letta.projects]) : {};
  const operation = { kind: "server-restore", phase: "restoring", stack, id: stamp(), from, to, wasUp, rows } as const;
  await runServerRestore(deps, site, await saveOperation<ServerRestore>(deps, operation));
  return 0;
}

/** A restore that has come as far as the new volume and no further: it may be turned round. */
async function unfinishedSwitch(deps: Deps, stack: string): Promise<ServerRestore | undefined> {
  const operation = await readOperation<ServerRestore>(deps, stack);
  if (operation?.kind !== "server-restore" || operation.phase === "restoring") {
    await requireNoOperation(deps, stack);
    return undefined;
  }
  requireEnded(operation);
  return operation;
}

/** The volume in use, and the one before it. @throws UserError when there was none, or another was set by hand since */
async function lastSwitch(deps: Deps, stack: string, current: string): Promise<[string, string]> {
  const last = (await readSwitches(deps, stack)).at(-1);
  if (last?.to === current) return [current, last.from];
  throw new UserError(
    `there is no restore of stack ${stack} to undo: Postgres is on volume ${current}, and was never on another`,
    "docker volume ls, and thoth-letta:postgresVolume, if you know better",
  );
}

async function requireVolume(deps: Deps, volume: string): Promise<void> {
  if (await deps.engine.volumeExists(volume)) return;
  throw new UserError(`volume ${volume}, which was in use before, is gone`, "restore to a moment: make restore TO=…");
}
