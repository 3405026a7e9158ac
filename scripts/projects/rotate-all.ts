import { thothReference } from "../../infra/config/thoth.ts";
import { databaseNames } from "../../infra/lib/names.ts";
import { startLetta } from "../letta/start.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation } from "../lib/operation.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { readThoth } from "../lib/stacks.ts";
import { startThoth } from "../thoth/start.ts";
import { envCommand } from "./add.ts";
import {
  type Generations,
  nextGenerations,
  printOldSessions,
  waitForOldSessions,
  writeGenerations,
} from "./rotation.ts";
import { credentialsOf, type ProjectsSite, readRunningSite } from "./site.ts";

export interface RotateAllOptions {
  readonly stack: string;
  readonly thothStack: string;
  /** Cut off who still uses old credentials. */
  readonly yes: boolean;
  /** Every application has its new credentials. */
  readonly finish: boolean;
}

/** How long clients may take to come back with new credentials before they count as left behind, in seconds. */
const settleSeconds = 60;

/**
 * Gives everybody new credentials while the old ones work: Letta, then the thoth stack, then the operator's own
 * applications. The old ones are taken away when nobody needs them: at once where Thoth is the only application, else with
 * `finish`.
 */
export async function rotateAll(options: RotateAllOptions, deps: Deps): Promise<number> {
  const site = await readRunningSite(deps, options.stack);
  await requireNoOperation(deps, options.stack);
  const generations = await begin(options, site, deps);
  const thothProject = await handOver(options, deps);
  const byHand = site.config.projects.filter((name) => name !== thothProject);
  if (byHand.length > 0 && !options.finish) {
    deps.print("old and new credentials work side by side. Next:");
    for (const name of byHand) deps.print(`  ${envCommand(name)}, for its application`);
    deps.print("  make rotate FINISH=1, once they have them");
    return 0;
  }
  const open = await waitForOldSessions(deps, site, generations, settleSeconds);
  if (Object.keys(open).length > 0) {
    deps.print("still logged in with old credentials, and cut off by going on:");
    await printOldSessions(deps, site, open);
    if (!options.yes && !(await deps.confirm("take the old ones away all the same?"))) {
      deps.print("both work still; make rotate FINISH=1 goes on, with YES=1 also while they are");
      return 1;
    }
  }
  await writeGenerations(deps, site, generations, false);
  await startLetta({ stack: options.stack }, deps);
  deps.print("new credentials for all; the old ones are refused");
  return 0;
}

/** Those that began before, maybe not to their end, are gone on with: so it can be run again after a failure. */
async function begin({ stack, finish }: RotateAllOptions, site: ProjectsSite, deps: Deps): Promise<Generations> {
  const all = databaseNames(site.config.projects);
  const begun = all.filter((owner) => credentialsOf(site, owner).overlap);
  const fresh = begun.length > 0 || finish ? [] : all;
  const generations = {
    ...Object.fromEntries(begun.map((owner) => [owner, credentialsOf(site, owner).generation])),
    ...nextGenerations(site, fresh),
  };
  await writeGenerations(deps, site, generations, true);
  await startLetta({ stack }, deps);
  return generations;
}

/** A thoth stack takes its credentials from the outputs of its letta stack. @returns its project, or undefined without one */
async function handOver({ stack, thothStack, yes }: RotateAllOptions, deps: Deps): Promise<string | undefined> {
  if ((await readThoth(deps, thothStack)) === undefined) return undefined;
  const { lettaStack, project } = thothReference.parse(readConfigFile(deps, thothStack));
  if (lettaStack !== stack) return undefined;
  await startThoth({ stack: thothStack, lettaStack, yes }, deps);
  return project;
}
