import type { Restored } from "../../images/backup/src/restore.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { withProgress } from "../lib/backup-agent/progress.ts";
import { backUpFully, requireSound } from "../lib/backup-agent/results.ts";
import { type BackupStack, oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { up } from "../lib/pulumi.ts";
import { countRows, renderRows } from "../lib/rows.ts";
import { stopContainers } from "../lib/stacks.ts";
import { addSwitch } from "./history.ts";
import { requireLastRecord } from "./last-record.ts";
import type { ServerRestore } from "./server.ts";
import { switchVolume } from "./switch-volume.ts";

const restoreContainer = "restore";

/** Does what is left of a restore of the whole server. @throws what stopped it; before the switch all is as it was */
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
  const databases = ["letta", ...site.letta.projects];
  const rows = await countRows(deps, site.containers.postgres, databases);
  await endOperation(deps, operation);
  for (const line of renderRows(operation.rows, rows)) deps.print(line);
  await backUpFully(deps, site.containers.backup);
  deps.print(`stack ${site.stack} is on volume ${operation.to}`);
  deps.print(`volume ${operation.from} is kept as it was: make restore-undo goes back to it`);
}

/** Gets the other volume ready. @throws when that fails, with the old state brought back */
async function prepareVolume(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  try {
    await (operation.target === undefined ? rejoin : fill)(deps, site, operation);
  } catch (error) {
    await abandonServerRestore(deps, site, operation);
    // Whatever was stopped for it; where Postgres was down before, starting is the operator's affair.
    if (operation.wasUp) await up(deps, operation.stack);
    throw error;
  }
}

/** Brings everything back as it was before the switch. */
export async function abandonServerRestore(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoreContainer}`]);
  if (operation.target !== undefined) await deps.engine.docker(["volume", "rm", "--force", operation.to]);
  await endOperation(deps, operation);
  deps.print(`nothing was restored; stack ${site.stack} stays on volume ${operation.from}`);
}

/** Restores into a new volume. For the latest state nothing may be written meanwhile, so there Letta stops first. */
async function fill(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  const { target, to, from, wasUp } = operation;
  // A killed run has left them half done.
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoreContainer}`]);
  await deps.engine.docker(["volume", "rm", "--force", to]);
  await archiveAll(deps, site, "before-restore");
  const isLatest = target?.agent === "latest";
  if (isLatest && wasUp) await stopServices(deps, site);
  await deps.engine.dockerOutput(["volume", "create", to]);
  const args = ["restore", "--target", target?.agent ?? ""];
  const work = { id: "restore", title: `Restore into volume ${to}` };
  const restored = await withProgress(deps, work, (report) =>
    callAgent<Restored>(deps, oneOff(site, { name: restoreContainer, args, cluster: to }), report),
  );
  requireSound(deps, restored);
  if (isLatest && wasUp) await requireLastRecord(deps, site, from, restored.recoveredTo.lsn);
}

/** Takes an old volume to a timeline of its own, so that what it writes is told from what was written since. */
async function rejoin(deps: Deps, site: BackupStack, operation: ServerRestore): Promise<void> {
  const { to } = operation;
  await deps.engine.docker(["rm", "--force", `${site.prefix}-${restoreContainer}`]);
  await archiveAll(deps, site, "before-undo");
  await stopServices(deps, site);
  await withProgress(deps, { id: "rejoin", title: `Volume ${to} on a timeline of its own` }, (report) =>
    callAgent(deps, oneOff(site, { name: restoreContainer, args: ["rejoin"], cluster: to }), report),
  );
}

/** @throws UserError when Postgres answers and its archive does not follow, in which case nothing may be stopped */
async function archiveAll(deps: Deps, { containers }: BackupStack, start: string): Promise<void> {
  if (!(await isPostgresUp(deps, containers.postgres))) return;
  const point = `${start}-${stamp()}`;
  await callAgent(deps, inContainer(containers.backup, ["point", point]));
  deps.print(`all that was written is in the repository; this moment is point ${point}`);
}

/** Whoever writes, in the order in which nothing is lost; Postgres archives its last segment when it stops. */
async function stopServices(deps: Deps, { prefix }: BackupStack): Promise<void> {
  const { gateway, server, postgres } = lettaNames(prefix);
  await stopContainers(deps, [gateway, server, postgres]);
}
