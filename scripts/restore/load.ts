import type { Restored } from "../../images/backup/src/restore.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { callAgent, inContainer } from "../lib/backup-agent/call.ts";
import { withProgress } from "../lib/backup-agent/progress.ts";
import { type AgentSite, type BackupStack, oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { stamp } from "../lib/operation.ts";
import { copySettings, createDatabase, inPostgres } from "../lib/psql.ts";
import { countDatabase, differences } from "../lib/rows.ts";
import type { ProjectRestore } from "./project.ts";
import { prepareForTables } from "./tables.ts";

/** What the agent read of the restored cluster. */
interface Extract {
  readonly rows?: Readonly<Record<string, number>>;
}

/** The volume that the cluster is restored into, and that goes when the database is out of it. */
export function scratchVolume({ prefix }: AgentSite, { id }: Pick<ProjectRestore, "id">): string {
  return `${prefix}-restore-${id}`;
}

/** Restores the cluster beside the running one, and loads the database, or its tables, from there under a new name. */
export async function loadDatabase(deps: Deps, site: BackupStack, operation: ProjectRestore): Promise<void> {
  const { project, target, tables, loaded } = operation;
  const { postgres, backup } = site.containers;
  // What was written up to now is in the repository then.
  await callAgent(deps, inContainer(backup, ["point", `before-restore-${stamp()}`]));
  const cluster = scratchVolume(site, operation);
  await deps.engine.dockerOutput(["volume", "create", cluster]);
  const restoring = ["restore", "--target", target?.agent ?? "", "--only", project];
  await withProgress(deps, { id: "restore", title: `Restore of the cluster into volume ${cluster}` }, (report) =>
    callAgent<Restored>(deps, oneOff(site, { name: "restore", args: restoring, cluster }), report),
  );
  await createDatabase(deps, postgres, loaded, project);
  const sections = tables.length === 0 ? [] : await prepareForTables(deps, postgres, operation);
  const extracting = ["extract", "--database", project, ...(tables.length === 0 ? [] : ["--tables", tables.join(",")])];
  const loading = inPostgres(postgres, "pg_restore", "--dbname", loaded, "--exit-on-error", ...sections);
  const consumer = { name: "pg_restore", docker: loading };
  const { rows } = await withProgress(deps, { id: "load", title: `Load of database ${loaded}` }, (report) =>
    callAgent<Extract>(deps, { ...oneOff(site, { name: "extract", args: extracting, cluster }), consumer }, report),
  );
  if (rows !== undefined) await requireAllRows(deps, postgres, operation, rows);
  await copySettings(deps, postgres, project, loaded);
}

/** @throws UserError when a table has not the rows that it had in the restored cluster */
async function requireAllRows(
  deps: Deps,
  postgres: string,
  { loaded, tables }: ProjectRestore,
  expected: Readonly<Record<string, number>>,
): Promise<void> {
  const found = await countDatabase(deps, postgres, loaded);
  const isWanted = ([name]: [string, number]) => tables.length === 0 || name in expected;
  const wrong = differences(expected, Object.fromEntries(Object.entries(found).filter(isWanted)));
  if (wrong.length > 0) throw new UserError(`not every row was loaded: ${wrong.join("; ")}`);
  const count = Object.values(expected).reduce((total, rows) => total + rows, 0);
  deps.print(`loaded as in the restored cluster: rows ${count}, tables ${Object.keys(expected).length}`);
}
