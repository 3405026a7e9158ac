import { projectNameSchema } from "../../infra/config/letta.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { startLetta } from "../letta/start.ts";
import { confirm } from "../lib/confirm.ts";
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

/** Gives another application a database, a token and a user in Letta; a second time it changes nothing. */
export async function addProject({ stack, name, yes }: ProjectOptions, deps: Deps): Promise<number> {
  requireName(name);
  const site = await readRunningSite(deps, stack);
  const isConfigured = site.config.projects.includes(name);
  if (isConfigured && name in site.letta.projects) {
    deps.print(`project ${name} of stack ${stack} exists already: ${envCommand(name)}`);
    return 0;
  }
  await requireNoOperation(deps, stack);
  const { databases } = await readPostgres(deps, site);
  const found = databases.find((database) => database.name === name);
  // A project's own database comes back with it; any other one may be in use by somebody else.
  const heading = `database ${name} exists, and the project would own it with everything in it:`;
  const lines = found === undefined || found.owner === name ? [] : [`its owner is role ${found.owner}`];
  if (lines.length > 0 && !(await confirm(deps, { yes, affects: { heading, lines } }))) return 1;
  if (!isConfigured) await changeProjects(deps, site, { add: name });
  await bringUp(deps, site, name);
  deps.print(`project ${name} of stack ${stack} is up:`);
  deps.print(
    `  database    ${name}${found === undefined ? "" : ", with its former content"}, on ${site.containers.postgres}`,
  );
  deps.print(`  in Letta    a separate user, at ${site.letta.urls.gateway} with the project's token`);
  deps.print(`next, for its application:  ${envCommand(name)}`);
  return 0;
}

/** The command that writes what the project's application needs. */
export function envCommand(name: string): string {
  return `make project-env NAME=${name} OUTPUT=${name}.env`;
}

/** @throws UserError when no project can have this name */
export function requireName(name: string): void {
  const parsed = projectNameSchema.safeParse(name);
  if (parsed.success) return;
  const mistakes = parsed.error.issues.map(({ message }) => message);
  throw new UserError(`"${name}" is not a valid project name: ${mistakes.join("; ")}`, "e.g. notes");
}

async function bringUp(deps: Deps, { stack }: ProjectsSite, name: string): Promise<void> {
  try {
    await startLetta({ stack }, deps);
  } catch (error) {
    deps.print(`project ${name} stays in Pulumi.${stack}.yaml: make letta-start brings it up`);
    throw error;
  }
}
