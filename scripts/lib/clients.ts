import { rolesOf } from "../../infra/lib/postgres/provision.ts";
import type { Deps } from "./deps.ts";
import { psql } from "./psql.ts";
import { namesOf } from "./stack-file.ts";
import { foreignContainers, type LettaStack } from "./stacks.ts";

/** Clients of the operator who brings the letta stack up: they need not be told. */
export interface OwnClients {
  /** Docker names. */
  readonly containers: readonly string[];
  readonly projects: readonly string[];
}

/**
 * The clients that a stop of Letta would affect, a line each: containers on its network and sessions in its Postgres.
 *
 * @param own those that do not count; default: none
 */
export async function findClients(
  deps: Deps,
  stack: string,
  letta: LettaStack,
  own: OwnClients = { containers: [], projects: [] },
): Promise<string[]> {
  const containers = await foreignContainers(deps, letta.network.name, [...letta.containers, ...own.containers]);
  const { postgres } = namesOf(deps, stack);
  const projects = Object.keys(letta.projects).filter((name) => !own.projects.includes(name));
  const sessions = await postgresSessions(deps, postgres, projects);
  return [...containers.map((container) => `container ${container}`), ...sessions];
}

/** Sessions of both roles of each project; those of Letta and of provisioning do not count. Empty when Postgres is down. */
async function postgresSessions(deps: Deps, postgres: string, projects: readonly string[]): Promise<string[]> {
  const names = await psql(deps, postgres, "select usename from pg_stat_activity where usename is not null").catch(
    () => [],
  );
  return projects.flatMap((project) => {
    const roles = rolesOf(project);
    const count = names.filter((name) => roles.includes(name)).length;
    return count === 0 ? [] : [`project ${project}: ${count} Postgres ${count === 1 ? "session" : "sessions"}`];
  });
}
