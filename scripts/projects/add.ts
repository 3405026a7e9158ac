import { projectNameSchema } from "../../infra/config/letta.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { startLetta } from "../letta/start.ts";
import type { Deps } from "../lib/deps.ts";
import { requireNoOperation } from "../lib/operation.ts";
import { readPostgres } from "./postgres.ts";
import { changeProjects, type ProjectsSite, readRunningSite } from "./site.ts";

/** Options of the commands about one project. */
export interface ProjectOptions {
  readonly stack: string;
  readonly name: string;
  /** Do not ask. */
  readonly yes: boolean;
}

/** Gives another application a database, a token and a user in Letta. Done again, it changes nothing. */
export async function addProject({ stack, name, yes }: ProjectOptions, deps: Deps): Promise<number> {
  requireName(name);
  const site = await readRunningSite(deps, stack);
  const isConfigured = site.config.projects.includes(name);
  if (isConfigured && name in site.letta.projects) {
    deps.print(`project ${name} of stack ${stack} is there already: ${envCommand(name)}`);
    return 0;
  }
  await requireNoOperation(deps, stack);
  const { databases } = await readPostgres(deps, site);
  const found = databases.find((database) => database.name === name);
  // A project's own database comes back with it; any other may be somebody's who does not know of it.
  if (found !== undefined && found.owner !== name && !(yes || (await mayTakeOver(deps, name, found.owner)))) return 1;
  if (!isConfigured) await changeProjects(deps, site, { add: name });
  await bringUp(deps, site, name);
  deps.print(`project ${name} of stack ${stack} is there:`);
  deps.print(`  database    ${name}${found === undefined ? "" : ", with what it had"}, on ${site.containers.postgres}`);
  deps.print(`  in Letta    a user of its own, at ${site.letta.urls.gateway} with its token`);
  deps.print(`next, for its application:  ${envCommand(name)}`);
  return 0;
}

/** How its application is told what it needs. */
export function envCommand(name: string): string {
  return `make project-env NAME=${name} OUTPUT=${name}.env`;
}

/** @throws UserError when no project can have this name */
export function requireName(name: string): void {
  const parsed = projectNameSchema.safeParse(name);
  if (parsed.success) return;
  const mistakes = parsed.error.issues.map(({ message }) => message);
  throw new UserError(`"${name}" is no name for a project: ${mistakes.join("; ")}`, "e.g. notes");
}

async function mayTakeOver(deps: Deps, name: string, owner: string): Promise<boolean> {
  deps.print(`there is a database ${name} already, of role ${owner}: the project would own it, with all that is in it`);
  if (await deps.confirm("go on?")) return true;
  deps.print("nothing was changed; name it otherwise, or say --yes (make: YES=1)");
  return false;
}

async function bringUp(deps: Deps, { stack }: ProjectsSite, name: string): Promise<void> {
  try {
    await startLetta({ stack }, deps);
  } catch (error) {
    deps.print(`project ${name} stays in Pulumi.${stack}.yaml: make letta-start goes on with it`);
    throw error;
  }
}
