import { rolesOf } from "../../infra/lib/postgres/provision.ts";
import type { Deps } from "./deps.ts";
import { psql } from "./psql.ts";
import { foreignContainers, type LettaStack } from "./stacks.ts";

/** Who would notice when Letta stops: containers on its network, and sessions on its Postgres. One line each. */
export async function findClients(deps: Deps, letta: LettaStack): Promise<string[]> {
  const containers = await foreignContainers(deps, letta.network.name, letta.containers);
  const sessions = await postgresSessions(deps, letta);
  return [...containers.map((container) => `container ${container}`), ...sessions];
}

/** Sessions of the projects' roles, both of each; Letta's own and provisioning do not count. Empty when Postgres is down. */
async function postgresSessions(deps: Deps, { containers, projects }: LettaStack): Promise<string[]> {
  const postgres = containers.find((name) => name.endsWith("-postgres")) ?? "";
  const names = await psql(deps, postgres, "select usename from pg_stat_activity where usename is not null").catch(
    () => [],
  );
  return projects.flatMap((project) => {
    const roles = rolesOf(project);
    const count = names.filter((name) => roles.includes(name)).length;
    return count === 0 ? [] : [`project ${project}: ${count} Postgres ${count === 1 ? "session" : "sessions"}`];
  });
}
