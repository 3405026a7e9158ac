import type { z } from "zod";
import { projectsSchema } from "../../infra/config/letta.ts";
import { parseConfig } from "../../infra/config/read.ts";
import { type CredentialState, firstGeneration } from "../../infra/lib/credentials.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { isPostgresUp } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { type ConfigChange, changeConfigPaths, prefixOf, readConfigFile } from "../lib/stack-file.ts";
import { type LettaStack, readLetta, required } from "../lib/stacks.ts";

/** A letta stack as the commands about its projects need it: the config as it is now, the outputs as of the last update. */
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
  return { stack, config, letta, containers: lettaNames(prefixOf(deps, stack)) };
}

/** Like {@link readSite}, where Postgres is to be asked. @throws UserError also when it does not answer */
export async function readRunningSite(deps: Deps, stack: string): Promise<ProjectsSite> {
  const site = await readSite(deps, stack);
  const { postgres } = site.containers;
  if (await isPostgresUp(deps, postgres)) return site;
  throw new UserError(`Postgres (${postgres}) does not answer`, "make letta-start");
}

/** @throws UserError that names the projects there are */
export function requireProject({ config }: ProjectsSite, name: string, others: readonly string[] = []): void {
  const known = [...config.projects, ...others];
  if (known.includes(name)) return;
  throw new UserError(
    `there is no project "${name}"`,
    known.length === 0 ? "make project-add NAME=…" : `there are ${known.join(", ")}`,
  );
}

/** Which credentials of an owner count, by the config. */
export function credentialsOf({ config }: Pick<ProjectsSite, "config">, owner: string): CredentialState {
  return config.credentials[owner] ?? firstGeneration;
}

/** Puts a project into the config's list, or takes it out of it. */
export async function changeProjects(
  deps: Deps,
  { stack, config }: ProjectsSite,
  { add, remove }: { readonly add?: string; readonly remove?: string },
  others: readonly ConfigChange[] = [],
): Promise<void> {
  const { projects } = config;
  // By its place, as comments beside the others would be lost with a list written anew.
  const isList = readConfigFile(deps, stack).projects !== undefined;
  const index = add === undefined ? projects.indexOf(remove ?? "") : projects.length;
  const wanted = add === undefined ? projects.filter((name) => name !== remove) : [...projects, add];
  const change: ConfigChange = isList
    ? { path: ["projects", index], value: add }
    : { path: ["projects"], value: wanted };
  await changeConfigPaths(deps, stack, index === -1 ? others : [change, ...others]);
}

/** The change of the config that makes these credentials count. */
export function credentialChange(owner: string, { generation, overlap }: CredentialState): ConfigChange {
  return { path: ["credentials", owner], value: overlap ? { generation, overlap } : { generation } };
}
