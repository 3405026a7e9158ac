import { UserError } from "../../infra/lib/errors.ts";
import { startLetta } from "../letta/start.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation } from "../lib/operation.ts";
import { envCommand, type ProjectOptions } from "./add.ts";
import { nextGenerations, oldSessions, printOldSessions, writeGenerations } from "./rotation.ts";
import { credentialsOf, type ProjectsSite, readRunningSite, requireProject } from "./site.ts";

/** Gives a project new credentials beside its old ones, or with `finish` takes the old ones away. */
export async function rotateProject(
  options: ProjectOptions & { readonly finish: boolean },
  deps: Deps,
): Promise<number> {
  const site = await readRunningSite(deps, options.stack);
  requireProject(site, options.name);
  await requireNoOperation(deps, options.stack);
  return options.finish ? finish(options, site, deps) : begin(options, site, deps);
}

async function begin({ stack, name }: ProjectOptions, site: ProjectsSite, deps: Deps): Promise<number> {
  const { generation, overlap } = credentialsOf(site, name);
  if (overlap && site.letta.projects[name]?.generation === generation) {
    throw new UserError(
      `project ${name} is between generations ${generation - 1} and ${generation}: both work`,
      `${envCommand(name)} for its application, then make project-rotate NAME=${name} FINISH=1`,
    );
  }
  // An overlap that did not come up yet is gone on with.
  const wanted = overlap ? { [name]: generation } : nextGenerations(site, [name]);
  await writeGenerations(deps, site, wanted, true);
  await startLetta({ stack }, deps);
  const open = await oldSessions(deps, site, wanted);
  deps.print(`project ${name} has credentials of generation ${wanted[name]}; those before them still work`);
  deps.print(`  1. give its application the new ones:  ${envCommand(name)}`);
  deps.print(`  2. take the old ones away:             make project-rotate NAME=${name} FINISH=1`);
  if (Object.keys(open).length > 0) deps.print("still logged in with the old ones:");
  await printOldSessions(deps, site, open);
  return 0;
}

async function finish({ stack, name, yes }: ProjectOptions, site: ProjectsSite, deps: Deps): Promise<number> {
  const { generation, overlap } = credentialsOf(site, name);
  if (!overlap) {
    throw new UserError(
      `project ${name} has only credentials of generation ${generation}`,
      `make project-rotate NAME=${name}`,
    );
  }
  const wanted = { [name]: generation };
  const open = await oldSessions(deps, site, wanted);
  if (Object.keys(open).length > 0 && !(yes || (await mayCutOff(deps, site, name, open)))) return 1;
  await writeGenerations(deps, site, wanted, false);
  await startLetta({ stack }, deps);
  deps.print(`project ${name} has credentials of generation ${generation} alone; those before them are refused`);
  return 0;
}

async function mayCutOff(
  deps: Deps,
  site: ProjectsSite,
  name: string,
  open: Awaited<ReturnType<typeof oldSessions>>,
): Promise<boolean> {
  deps.print(`these are logged in with the old credentials of project ${name}, and would be cut off:`);
  await printOldSessions(deps, site, open);
  if (await deps.confirm("take the old ones away all the same?")) return true;
  deps.print("nothing was changed; give them the new ones first, or say --yes (make: YES=1)");
  return false;
}
