import { defaultVersion, requireImage, runningImage } from "../images/version.ts";
import { bringUp } from "../lib/bring-up.ts";
import { findClients } from "../lib/clients.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { attempt, conclude, type UpgradeResult } from "./conclude.ts";
import { type UpgradeOperation, versionConfig } from "./operation.ts";
import { prepare } from "./prepare.ts";
import { abandon } from "./resume.ts";
import { readSite, type UpgradeSite } from "./site.ts";
import { requireSpace } from "./space.ts";
import { drain, enter, type Run, save } from "./steps.ts";

/** Options of `letta upgrade`. */
export interface UpgradeOptions {
  readonly stack: string;
  /** Version of Letta, or the reference of an image of it. Default: the pinned one. */
  readonly to?: string | undefined;
  /** Version of the Postgres image, or the reference of one: then it is Postgres that is upgraded. */
  readonly postgres?: string | undefined;
  /** Plan and rehearse, and change nothing. */
  readonly dryRun: boolean;
  /** How long runs at work are waited for, in seconds. */
  readonly drainSeconds: number;
  readonly yes: boolean;
}

/** Brings Letta, or its Postgres, to another version, or back to the one it had. */
export async function upgrade(options: UpgradeOptions, deps: Deps): Promise<UpgradeResult> {
  const { stack, dryRun, drainSeconds } = options;
  await requireNoOperation(deps, stack);
  // The version alone is to change: all else is brought to what the config says first.
  await bringUp(deps, stack);
  const run: Run = { deps, site: await readSite(deps, stack) };
  const choice = await choose(options, run);
  if (choice.from.reference === choice.to.reference) {
    deps.print(`${choice.what} is at ${choice.from.version} already`);
    return { result: "up to date" };
  }
  await requireSpace(deps, run.site);
  const begun = await saveOperation<UpgradeOperation>(deps, choice);
  const prepared = await attempt(run, begun, () => prepare(deps, run.site, begun));
  if ("result" in prepared) return prepared;
  if (dryRun || !(await mayGoOn(options, run.site, deps))) {
    await abandon(run, begun);
    deps.print("nothing was changed");
    return { result: "rehearsed", ...prepared };
  }
  const saved = await attempt(run, begun, async () => save(run, await drain(run, begun, drainSeconds)));
  if ("result" in saved) return { ...prepared, ...saved };
  return { ...prepared, ...(await conclude(run, await enter(run, saved, "switch"))) };
}

/** What is going to be upgraded, from what, to what; the image is there when this returns. */
async function choose(options: UpgradeOptions, { deps, site }: Run): Promise<Omit<UpgradeOperation, "process">> {
  const { stack, to, postgres } = options;
  const what = postgres === undefined ? "letta" : "postgres";
  const configured = readConfigFile(deps, stack)[versionConfig[what]];
  const from = await runningImage(deps, what === "letta" ? site.names.server : site.names.postgres);
  const wanted = (what === "letta" ? to : postgres) ?? defaultVersion(deps, stack, what);
  return {
    kind: "letta-upgrade",
    resume: "make letta-upgrade RESUME=1",
    ...{ stack, id: stamp(), phase: "rehearse", what },
    from: { ...from, configured: configured === undefined ? null : String(configured) },
    to: await requireImage(deps, stack, what, wanted),
    startedAt: new Date().toISOString(),
    timings: {},
  };
}

/** True when the operator says so, having seen who will notice. */
async function mayGoOn({ yes }: UpgradeOptions, site: UpgradeSite, deps: Deps): Promise<boolean> {
  const clients = await findClients(deps, site.stack, site.letta);
  if (clients.length > 0) deps.print("connected, and told to wait while Letta is away:");
  for (const client of clients) deps.print(`  ${client}`);
  if (yes || (await deps.confirm("go on?"))) return true;
  deps.print("to go on without a question say --yes (make: YES=1)");
  return false;
}
