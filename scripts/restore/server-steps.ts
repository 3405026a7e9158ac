import { formatTarget, type Restored, type RestoreTarget } from "../../images/backup/src/contract.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { backUpFully, requireSound } from "../lib/backup-agent/results.ts";
import { type BackupStack, oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation, stamp } from "../lib/operation.ts";
import { withProgress } from "../lib/progress.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { unprotectVolume, up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { countRows, renderRows } from "../lib/rows.ts";
import { changeConfigFile } from "../lib/stack-file.ts";
import { databasesOf, stopContainers } from "../lib/stacks.ts";
import { requireLastRecord } from "./last-record.ts";
import { addSwitch, type ServerRestore } from "./operation.ts";

/** Suffix of the container that restores. */
const restoring = "restore";

/** Does what is left of a restore of the whole server. @throws what stopped it; before the switch nothing has changed */
export async function runServerRestore(deps: Deps, site: BackupStack, begun: ServerRestore): Promise<void> {
  let operation = begun;
  if (operation.phase === "restoring") {
    await prepareVolume(deps, site, operation);
    operation = await saveOperation<ServerRestore>(deps, { ...operation, phase: "switching" });
  }
  if (operation.phase === "switching") {
    await switchVolume(deps, site, operation);
    await addSwitch(deps, operation);
    operation = await saveOperation<ServerRestore>(deps, { ...operation, phase: "checking" });
  }
  const rows = await countRows(deps, site.containers.postgres, databasesOf(site.letta));
  await endOperation(deps, operation);
  for (const line of renderRows(operation.rows, rows)) deps.print(line);
  await backUpFully(deps, site.containers.backup);
  deps.print(`stack ${site.stack} is on volume ${operation.to}`);
  deps.print(`volume ${operation.from} is kept unchanged: make restore-undo goes back to it`);
}

/** Gets the other volume ready. @throws when that fails, after everything is as it was before */
async function prepareVolume(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  const { target } = operation;
  try {
    if (target === undefined) await rejoin(deps, site, operation);
    else await fill(deps, site, operation, target);
  } catch (error) {
    await abandonServerRestore(deps, site, operation);
    // Starts what was stopped. Where Postgres was down before, starting is left to the operator.
    if (operation.wasUp) await up(deps, operation.stack);
    throw error;
  }
}

/** Removes what was made before the switch. */
export async function abandonServerRestore(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoring}`]);
  if (operation.target !== undefined) await deps.engine.docker(["volume", "rm", "--force", operation.to]);
  await endOperation(deps, operation);
  deps.print(`nothing was restored; stack ${site.stack} stays on volume ${operation.from}`);
}

/** Restores into a new volume. For the latest state Letta stops first, because nothing may be written meanwhile. */
async function fill(deps: Deps, site: BackupStack, operation: ServerRestore, target: RestoreTarget): Promise<void> {
  const { to, from, wasUp } = operation;
  // A killed run left them half done.
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoring}`]);
  await deps.engine.docker(["volume", "rm", "--force", to]);
  await archiveAll(deps, site, "before-restore");
  const stopsFirst = target.type === "latest" && wasUp;
  if (stopsFirst) await stopServices(deps, site);
  await deps.engine.dockerOutput(["volume", "create", to]);
  const args = ["restore", "--target", formatTarget(target)];
  const work = { id: "restore", title: `Restore into volume ${to}` };
  const restored = await withProgress(deps, work, (report) =>
    callAgent<Restored>(deps, oneOff(site, { name: restoring, args, cluster: to }), report),
  );
  requireSound(deps, restored);
  if (stopsFirst) await requireLastRecord(deps, site, from, restored.recoveredTo.lsn);
}

/** Moves an old volume to its own timeline, so that its WAL differs from what was archived since. */
async function rejoin(deps: Deps, site: BackupStack, { to }: ServerRestore): Promise<void> {
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoring}`]);
  await archiveAll(deps, site, "before-undo");
  await stopServices(deps, site);
  await withProgress(deps, { id: "rejoin", title: `New timeline on volume ${to}` }, (report) =>
    callAgent(deps, oneOff(site, { name: restoring, args: ["rejoin"], cluster: to }), report),
  );
}

/** @throws UserError when Postgres is up and archiving does not keep up: then nothing may be stopped */
async function archiveAll(deps: Deps, { containers }: BackupStack, start: string): Promise<void> {
  if (!(await isPostgresUp(deps, containers.postgres))) return;
  const point = `${start}-${stamp()}`;
  await callAgent(deps, inContainer(containers.backup, ["point", point]));
  deps.print(`everything written is in the repository; this moment is the point ${point}`);
}

/** Puts Postgres on another volume, and the rest of the stack on that Postgres. Killed anywhere, it can be repeated. */
async function switchVolume(deps: Deps, site: BackupStack, { stack, to }: ServerRestore): Promise<void> {
  await stopServices(deps, site);
  await changeConfigFile(deps, stack, { postgresVolume: to });
  await repair(deps, stack);
  // Pulumi never deletes the volume itself; its protection would only forbid replacing it in the state.
  await unprotectVolume(deps, stack, to);
  await up(deps, stack);
}

/** Stops writers before Postgres, which archives its last segment when it stops. */
async function stopServices(deps: Deps, { prefix }: BackupStack): Promise<void> {
  const { gateway, server, postgres } = lettaNames(prefix);
  await stopContainers(deps, [gateway, server, postgres]);
}
