import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation } from "../lib/operation.ts";
import { envCommand, type ProjectOptions } from "./add.ts";
import { applyGenerations, generationsOf, mayRevoke, oldSessions } from "./rotation.ts";
import { credentialsOf, type ProjectsSite, readRunningSite, requireProject } from "./site.ts";

/** Issues new credentials for a project next to the old ones; `finish` revokes the old ones. */
export async function rotateProject(
  options: ProjectOptions & { readonly finish: boolean },
  deps: Deps,
): Promise<number> {
  const site = await readRunningSite(deps, options.stack);
  requireProject(site, options.name);
  await requireNoOperation(deps, options.stack);
  return options.finish ? finish(options, site, deps) : begin(options, site, deps);
}

async function begin({ name }: ProjectOptions, site: ProjectsSite, deps: Deps): Promise<number> {
  const { generation, overlap } = credentialsOf(site, name);
  if (overlap && site.letta.projects[name]?.generation === generation) {
    throw new UserError(
      `project ${name} is between generations ${generation - 1} and ${generation}: both work`,
      `${envCommand(name)} for its application, then make project-rotate NAME=${name} FINISH=1`,
    );
  }
  // An overlap that did not come up yet is resumed.
  const wanted = generationsOf(site, [name]);
  await applyGenerations(deps, site, wanted, { overlap: true });
  deps.print(`project ${name} has credentials of generation ${wanted[name]}; the previous ones still work`);
  deps.print(`  1. give its application the new ones:  ${envCommand(name)}`);
  deps.print(`  2. revoke the old ones:                make project-rotate NAME=${name} FINISH=1`);
  const open = await oldSessions(deps, site, wanted);
  if (open.length > 0) deps.print("still logged in with the old ones:");
  for (const line of open) deps.print(`  ${line}`);
  return 0;
}

async function finish({ name, yes }: ProjectOptions, site: ProjectsSite, deps: Deps): Promise<number> {
  const { generation, overlap } = credentialsOf(site, name);
  if (!overlap) {
    throw new UserError(
      `project ${name} has only credentials of generation ${generation}`,
      `make project-rotate NAME=${name}`,
    );
  }
  const wanted = { [name]: generation };
  if (!(await mayRevoke(deps, yes, await oldSessions(deps, site, wanted)))) return 1;
  await applyGenerations(deps, site, wanted, { overlap: false });
  deps.print(`project ${name} has credentials of generation ${generation} alone; the previous ones are refused`);
  return 0;
}
