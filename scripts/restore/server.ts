import type { Repository, RestoreTarget } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import { type BackupStack, readBackupStack, reading } from "../lib/backup-agent/stack.ts";
import { requireSetup } from "../lib/bring-up.ts";
import { findClients } from "../lib/clients.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, requireEnded, requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { countRows } from "../lib/rows.ts";
import { databasesOf } from "../lib/stacks.ts";
import { type RestoreOptions, readSwitches, renderPlan, type ServerRestore } from "./operation.ts";
import { runServerRestore } from "./server-steps.ts";
import { describeTarget, parseTarget, requireReachable, type TargetOptions } from "./target.ts";

/** Restores all databases of the server to one moment, into a new volume. The volume in use is only read, and kept. */
export async function restoreServer(options: RestoreOptions & TargetOptions, deps: Deps): Promise<number> {
  const { stack } = options;
  const target = parseTarget(options);
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  const site = await readBackupStack(deps, stack);
  requireReachable(target, await callAgent<Repository>(deps, await reading(deps, site, ["list"])));
  const wasUp = await isPostgresUp(deps, site.containers.postgres);
  const id = stamp();
  const change = { id, target, from: site.letta.volumes.postgres, to: `${site.prefix}-postgres-${id}`, wasUp };
  for (const line of plan(site, change)) deps.print(line);
  return replaceVolume(options, site, change, deps);
}

/** Goes back to the volume that Postgres was on before the last restore. A second undo takes the first one back. */
export async function undoServerRestore(options: RestoreOptions, deps: Deps): Promise<number> {
  const { stack } = options;
  await requireSetup(deps, stack);
  const unfinished = await unfinishedSwitch(deps, stack);
  const site = await readBackupStack(deps, stack);
  const last = unfinished ?? (await lastSwitch(deps, stack, site.letta.volumes.postgres));
  const [from, to] = [last.to, last.from];
  if (!(await deps.engine.volumeExists(to))) {
    throw new UserError(`volume ${to}, which was in use before, is gone`, 'make restore AT="…" restores a moment');
  }
  const rows = [
    ["back to", `volume ${to}, as it was when Postgres left it`],
    ["down", "Letta and Postgres, for seconds"],
    ["kept", `volume ${from}: make restore-undo goes back to it`],
  ] as const;
  for (const line of renderPlan(`undo of the last restore of stack ${stack}`, rows)) deps.print(line);
  const wasUp = await isPostgresUp(deps, site.containers.postgres);
  return replaceVolume(options, site, { id: stamp(), from, to, wasUp }, deps);
}

type Change = Pick<ServerRestore, "id" | "target" | "from" | "to" | "wasUp">;

async function replaceVolume(
  { stack, yes, dryRun }: RestoreOptions,
  site: BackupStack,
  change: Change,
  deps: Deps,
): Promise<number> {
  if (dryRun) return 0;
  const lines = await findClients(deps, stack, site.letta);
  if (!(await confirm(deps, { yes, affects: { heading: "connected, and cut off meanwhile:", lines } }))) return 1;
  const rows = change.wasUp ? await countRows(deps, site.containers.postgres, databasesOf(site.letta)) : {};
  const operation = { kind: "server-restore", phase: "restoring", stack, ...change, rows } as const;
  await runServerRestore(deps, site, await saveOperation<ServerRestore>(deps, operation));
  return 0;
}

function plan(site: BackupStack, { target, from, to, wasUp }: Change & { readonly target: RestoreTarget }): string[] {
  const isLatest = target.type === "latest";
  const latestLoss = wasUp
    ? "nothing: Letta and Postgres stop first, and their last writes are archived"
    : "what Postgres had not archived when it stopped";
  return renderPlan(`restore of all databases of stack ${site.stack}`, [
    ["back to", describeTarget(target)],
    ["databases", databasesOf(site.letta).join(", ")],
    ["into", `a new volume, ${to}, which is checked before it is used`],
    ["down", `Letta and Postgres, ${isLatest && wasUp ? "during the whole restore" : "during the switch at the end"}`],
    ["lost", isLatest ? latestLoss : "everything written after that, in all databases"],
    ["kept", `volume ${from}, unchanged: make restore-undo goes back to it`],
  ]);
}

/** A restore that was killed after it had begun to use the new volume: an undo may turn it round. */
async function unfinishedSwitch(deps: Deps, stack: string): Promise<ServerRestore | undefined> {
  const operation = await readOperation<ServerRestore>(deps, stack);
  if (operation?.kind !== "server-restore" || operation.phase === "restoring") {
    await requireNoOperation(deps, stack);
    return undefined;
  }
  requireEnded(operation);
  return operation;
}

/** @throws UserError when there was no restore, or another volume was set by hand since */
async function lastSwitch(deps: Deps, stack: string, current: string) {
  const last = (await readSwitches(deps, stack)).at(-1);
  if (last?.to === current) return last;
  throw new UserError(
    `there is no restore of stack ${stack} to undo: Postgres is on volume ${current}, and no restore put it there`,
    "docker volume ls shows other volumes; thoth-letta:postgresVolume chooses one",
  );
}
