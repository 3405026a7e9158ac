import type { z } from "zod";
import { projectsSchema } from "../../infra/config/letta.ts";
import { parseConfig } from "../../infra/config/read.ts";
import { type CredentialState, firstGeneration } from "../../infra/lib/credentials.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { requireSetup } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { type ConfigChange, changeConfigPaths, namesOf, readConfigFile } from "../lib/stack-file.ts";
import { type LettaStack, readLetta, required } from "../lib/stacks.ts";

/** A letta stack for the commands about its projects: the config as it is now, the outputs as of the last update. */
export interface ProjectsSite {
  readonly stack: string;
  readonly config: z.output<typeof projectsSchema>;
  readonly letta: LettaStack;
  /** Docker names. */
  readonly containers: { readonly postgres: string; readonly gateway: string; readonly backup: string };
}

/** @throws UserError when the engine is off, setup was not run, or the stack never came up */
export async function readSite(deps: Deps, stack: string): Promise<ProjectsSite> {
  await requireSetup(deps, stack);
  const config = parseConfig(projectsSchema, readConfigFile(deps, stack), stack);
  const letta = required(await readLetta(deps, stack), stack, "make letta-start");
  return { stack, config, letta, containers: namesOf(deps, stack) };
}

/** Like {@link readSite}, for commands that ask Postgres. @throws UserError also when it does not answer */
export async function readRunningSite(deps: Deps, stack: string): Promise<ProjectsSite> {
  const site = await readSite(deps, stack);
  const { postgres } = site.containers;
  if (await isPostgresUp(deps, postgres)) return site;
  throw new UserError(`Postgres (${postgres}) does not answer`, "make letta-start");
}

/** @throws UserError that names the existing projects */
export function requireProject({ config }: ProjectsSite, name: string, others: readonly string[] = []): void {
  const known = [...config.projects, ...others];
  if (known.includes(name)) return;
  throw new UserError(
    `there is no project "${name}"`,
    known.length === 0 ? "make project-add NAME=…" : `use one of ${known.join(", ")}`,
  );
}

/** Which credentials of an owner are valid, by the config. */
export function credentialsOf({ config }: Pick<ProjectsSite, "config">, owner: string): CredentialState {
  return config.credentials[owner] ?? firstGeneration;
}

/** Adds a project to the config's list, or removes it; the comments of the list stay. */
export async function changeProjects(
  deps: Deps,
  { stack, config: { projects } }: ProjectsSite,
  { add, remove }: { readonly add?: string; readonly remove?: string },
): Promise<void> {
  const index = add === undefined ? projects.indexOf(remove ?? "") : projects.length;
  // Without the key the list is the default one, and written out in full.
  const change: ConfigChange =
    readConfigFile(deps, stack).projects === undefined
      ? { path: ["projects"], value: projects.toSpliced(index, 1, ...(add === undefined ? [] : [add])) }
      : { path: ["projects", index], value: add };
  await changeConfigPaths(deps, stack, [change]);
}
