import { thothReference } from "../../infra/config/thoth.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { databaseNames, lettaOwner } from "../../infra/lib/names.ts";
import { until } from "../../infra/lib/until.ts";
import { startLetta } from "../letta/start.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation } from "../lib/operation.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { readThoth } from "../lib/stacks.ts";
import { startThoth } from "../thoth/start.ts";
import { envCommand } from "./add.ts";
import { applyGenerations, type Generations, generationsOf, mayRevoke, oldSessions } from "./rotation.ts";
import { credentialsOf, type ProjectsSite, readRunningSite } from "./site.ts";

export interface RotateAllOptions {
  readonly stack: string;
  readonly thothStack: string;
  /** Cut off clients that still use old credentials. */
  readonly yes: boolean;
  /** Every application has its new credentials. */
  readonly finish: boolean;
}

/** How long clients may take to log in with new credentials before they are reported, in seconds. */
const settleSeconds = 60;

/**
 * Issues new credentials for everybody while the old ones work: Letta, then the thoth stack, then other applications by
 * hand. Revokes the old ones when nobody needs them: at once if Thoth is the only application, else with `finish`.
 */
export async function rotateAll(options: RotateAllOptions, deps: Deps): Promise<number> {
  const site = await readRunningSite(deps, options.stack);
  await requireNoOperation(deps, options.stack);
  const generations = generationsToIssue(options, site);
  if (generations === undefined) {
    // The end of a rotation may have been interrupted after it was written into the config.
    await startLetta({ stack: options.stack }, deps);
    deps.print("no rotation is in progress: only one generation of credentials works");
    return 0;
  }
  await applyGenerations(deps, site, generations, { overlap: true });
  const thothProject = await handOver(options, deps);
  const byHand = site.config.projects.filter((name) => name !== thothProject);
  if (byHand.length > 0 && !options.finish) {
    deps.print("old and new credentials both work. Next:");
    for (const name of byHand) deps.print(`  ${envCommand(name)}, for its application`);
    deps.print("  make rotate FINISH=1, once they have them");
    return 0;
  }
  if (!(await mayRevoke(deps, options.yes, await sessionsLeftBehind(deps, site, generations)))) return 1;
  await applyGenerations(deps, site, generations, { overlap: false });
  deps.print("everybody has new credentials; the old ones are refused");
  return 0;
}

/** Those of a rotation in progress, else the next ones; undefined if there is none to finish. */
function generationsToIssue({ finish }: RotateAllOptions, site: ProjectsSite): Generations | undefined {
  const all = databaseNames(site.config.projects);
  const begun = all.filter((owner) => credentialsOf(site, owner).overlap);
  if (begun.includes(lettaOwner)) return generationsOf(site, begun);
  const [project] = begun;
  // Finishing that one would look like a rotation of everything.
  if (project !== undefined) {
    throw new UserError(
      `project ${project} has a rotation in progress`,
      `make project-rotate NAME=${project} FINISH=1`,
    );
  }
  return finish ? undefined : generationsOf(site, all);
}

/** A thoth stack gets its credentials from its letta stack's outputs. @returns its project; undefined without a thoth stack */
async function handOver({ stack, thothStack, yes }: RotateAllOptions, deps: Deps): Promise<string | undefined> {
  if ((await readThoth(deps, thothStack)) === undefined) return undefined;
  const { lettaStack, project } = thothReference.parse(readConfigFile(deps, thothStack));
  if (lettaStack !== stack) return undefined;
  await startThoth({ stack: thothStack, lettaStack, yes }, deps);
  return project;
}

async function sessionsLeftBehind(deps: Deps, site: ProjectsSite, generations: Generations): Promise<string[]> {
  const isOver = Date.now() + settleSeconds * 1000;
  return until(
    async () => {
      const lines = await oldSessions(deps, site, generations);
      return lines.length === 0 || Date.now() >= isOver ? lines : undefined;
    },
    { seconds: settleSeconds * 2, everyMs: 1000, problem: () => new Error("Postgres does not say who is logged in") },
  );
}
