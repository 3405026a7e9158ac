import { UserError } from "../../infra/lib/errors.ts";
import { probeLetta } from "../../infra/lib/letta/probe.ts";
import { migrate } from "../../infra/providers/migration.ts";
import { callAgent } from "../lib/backup-agent/call.ts";
import { oneOff } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { inPostgres } from "../lib/psql.ts";
import { differences, newlyHidden } from "./compare.ts";
import { type Inventory, type Place, takeInventory } from "./inventory.ts";
import { modelHandles, type VanishedModel, vanishedModels } from "./models.ts";
import { copyUrl, openCopy, rehearsalNames, removeRehearsal, startCopy, startServer } from "./rehearsal-containers.ts";
import type { UpgradeSite } from "./site.ts";
import { requireRole, transfer } from "./transfer.ts";

/** What a rehearsal of an upgrade of Letta found; it throws unless the new version works with the copy. */
export interface Rehearsal {
  /** What the copy was made from: a backup, so that this shows too that it can be restored, or the database itself. */
  readonly source: "backup" | "dump";
  readonly copySeconds: number;
  readonly migrationSeconds: number;
  readonly startSeconds: number;
  readonly schemaVersion: string;
  readonly inventory: Inventory;
  /** Agents that lists no longer show. */
  readonly hidden: number;
  readonly vanished: readonly VanishedModel[];
}

/** Options of a rehearsal. */
export interface RehearsalOptions {
  /** Images of the new Letta, and of the Postgres that has the copy. */
  readonly letta: string;
  readonly postgres: string;
  /** Restore point to copy from; without one the database is copied as it is now. */
  readonly point?: string | undefined;
}

/**
 * Upgrades a copy of the data in containers of its own, which go afterwards; the stack does not notice.
 *
 * @throws UserError when the copy, the migration or the new server fails, or an agent, a row or a word is not as it was
 */
export async function rehearse(deps: Deps, site: UpgradeSite, options: RehearsalOptions): Promise<Rehearsal> {
  await removeRehearsal(deps, site.prefix);
  try {
    return await rehearseOnCopy(deps, site, options);
  } finally {
    await removeRehearsal(deps, site.prefix);
  }
}

async function rehearseOnCopy(deps: Deps, site: UpgradeSite, options: RehearsalOptions): Promise<Rehearsal> {
  const place: Place = { container: rehearsalNames(site.prefix).postgres, database: "letta" };
  const copySeconds = await timed(() => makeCopy(deps, site, options));
  const before = await takeInventory(deps, place);
  let schemaVersion = "";
  await openCopy(deps, site);
  const migrationSeconds = await timed(async () => {
    schemaVersion = await migrateCopy(site, options.letta);
  });
  const inventory = await takeInventory(deps, place);
  requireSame("the migration", differences(before, inventory, { exact: true }));
  let vanished: VanishedModel[] = [];
  const startSeconds = await timed(async () => {
    vanished = await tryServer(deps, site, options.letta);
  });
  requireSame("the new server", differences(inventory, await takeInventory(deps, place), { exact: false }));
  return {
    source: options.point === undefined ? "dump" : "backup",
    ...{ copySeconds, migrationSeconds, startSeconds, schemaVersion, inventory, vanished },
    hidden: newlyHidden(before, inventory),
  };
}

/** Fills the rehearsal's volume and starts a Postgres on it. @throws UserError when the backup is not sound */
export async function makeCopy(
  deps: Deps,
  site: UpgradeSite,
  { point, postgres }: Omit<RehearsalOptions, "letta">,
): Promise<void> {
  const names = rehearsalNames(site.prefix);
  await deps.engine.dockerOutput(["volume", "create", names.volume]);
  if (point !== undefined && site.backups !== undefined) {
    const args = ["restore", "--target", `name:${point}`];
    const call = oneOff(site.backups, { name: "rehearsal", args, cluster: names.volume });
    const { checks } = await callAgent<{ checks: { name: string; ok: boolean; detail: string }[] }>(deps, call);
    const wrong = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
    if (wrong.length > 0) throw new UserError(`the backup does not restore: ${wrong.join("; ")}`, "make backup-verify");
    return startCopy(deps, site, postgres);
  }
  await startCopy(deps, site, postgres);
  await requireRole(deps, names.postgres, "letta");
  const dump = inPostgres(site.names.postgres, "pg_dump");
  await transfer(deps, { place: site.place, dump }, { container: names.postgres, database: "letta" }, "letta");
}

function migrateCopy(site: UpgradeSite, image: string): Promise<string> {
  const { migration, postgres } = rehearsalNames(site.prefix);
  return migrate({
    image,
    containerName: migration,
    network: `container:${postgres}`,
    databaseUrl: copyUrl(site),
    // These are for looking at the schema from this host, which `migrate` does not.
    ...{ host: "", port: 0, database: "letta", user: "", password: "" },
  });
}

/** @returns models that agents use and the new server does not offer */
async function tryServer(deps: Deps, site: UpgradeSite, image: string): Promise<VanishedModel[]> {
  const endpoint = await startServer(deps, site, image);
  const failed = (await probeLetta(endpoint)).filter(({ ok }) => !ok).map(({ check, detail }) => `${check}: ${detail}`);
  if (failed.length > 0) throw new UserError(`the new version does not work with the copy: ${failed.join("; ")}`);
  const live = { url: site.letta.urls.server, password: site.letta.serverPassword };
  const [before, after] = await Promise.all([modelHandles(live), modelHandles(endpoint)]);
  return vanishedModels(deps, site.place, { before, after });
}

function requireSame(who: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const shown = found.slice(0, 10).map((line) => `\n    ${line}`);
  const rest = found.length > 10 ? `\n    and ${found.length - 10} more` : "";
  throw new UserError(`${who} changes what may not change:${shown.join("")}${rest}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = Date.now();
  await work();
  return (Date.now() - started) / 1000;
}
