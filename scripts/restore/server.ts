import { callAgent } from "../lib/backup-agent/call.ts";
import type { Repository } from "../lib/backup-agent/results.ts";
import { type BackupStack, readBackupStack, reading } from "../lib/backup-agent/stack.ts";
import { findClients } from "../lib/clients.ts";
import type { Deps } from "../lib/deps.ts";
import { type Operation, requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { countRows, type RowCounts } from "../lib/rows.ts";
import { runServerRestore } from "./server-steps.ts";
import { parseTarget, requireReachable, type Target, type TargetOptions } from "./target.ts";

/** What all restores that change something have in common. */
export interface RestoreOptions extends TargetOptions {
  readonly stack: string;
  /** Do not ask. */
  readonly yes: boolean;
  /** Show what would be done, and do nothing. */
  readonly dryRun: boolean;
}

/** A restore of the whole server: a cluster in a new volume, which then takes the place of the old one. */
export interface ServerRestore extends Operation {
  readonly kind: "server-restore";
  /** In `restoring` the old volume is still the one in use, from `switching` on it is the new one. */
  readonly phase: "restoring" | "switching" | "checking";
  /** Undefined when an old volume comes back. */
  readonly target?: Target;
  /** Volume that was in use, and the one that takes its place. */
  readonly from: string;
  readonly to: string;
  /** Was Postgres up when it began? */
  readonly wasUp: boolean;
  /** Rows before, as far as they could be counted. */
  readonly rows: RowCounts;
}

/** Restores the whole server, every database of it, to one moment. The volume in use is never written to, and is kept. */
export async function restoreServer(options: RestoreOptions, deps: Deps): Promise<number> {
  const { stack, dryRun } = options;
  const target = parseTarget(options);
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  const site = await readBackupStack(deps, stack);
  requireReachable(target, await callAgent<Repository>(deps, await reading(deps, site, ["list"])));
  const id = stamp();
  const from = site.letta.volumes.postgres;
  const to = `${site.prefix}-postgres-${id}`;
  const wasUp = await isPostgresUp(deps, site.containers.postgres);
  for (const line of plan(site, { target, from, to, wasUp })) deps.print(line);
  if (dryRun) return 0;
  if (!(await mayGoOn(options, site, deps))) return 1;
  const rows = wasUp ? await countRows(deps, site.containers.postgres, ["letta", ...site.letta.projects]) : {};
  const operation = { kind: "server-restore", phase: "restoring", stack, id, target, from, to, wasUp, rows } as const;
  await runServerRestore(deps, site, await saveOperation<ServerRestore>(deps, operation));
  return 0;
}

function plan(
  site: BackupStack,
  { target, from, to, wasUp }: Pick<ServerRestore, "target" | "from" | "to" | "wasUp">,
): string[] {
  const isLatest = target?.agent === "latest";
  const loss = isLatest
    ? wasUp
      ? "nothing: Letta and Postgres stop first, and what they wrote last is archived"
      : "what Postgres had not archived when it stopped"
    : "what was written after that, in all databases";
  const rows = [
    ["back to", target?.text ?? ""],
    ["databases", ["letta", ...site.letta.projects].join(", ")],
    ["into", `a new volume, ${to}, which is checked before it is used`],
    [
      "down",
      isLatest && wasUp ? "Letta and Postgres, for the whole restore" : "Letta and Postgres, for the switch at the end",
    ],
    ["lost", loss],
    ["kept", `volume ${from} as it is: restore undo goes back to it`],
  ];
  return [
    `restore of the whole server of stack ${site.stack}:`,
    ...rows.map(([name, text]) => `  ${name?.padEnd(10)} ${text}`),
  ];
}

/** True when the operator says so, having seen who is cut off. */
export async function mayGoOn({ yes }: RestoreOptions, site: BackupStack, deps: Deps): Promise<boolean> {
  const clients = await findClients(deps, site.letta);
  if (clients.length > 0) deps.print("connected, and cut off for that time:");
  for (const client of clients) deps.print(`  ${client}`);
  if (yes || (await deps.confirm("go on?"))) return true;
  deps.print("nothing was changed; to go on without a question say --yes (make: YES=1)");
  return false;
}
