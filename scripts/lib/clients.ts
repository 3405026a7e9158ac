import { withPostgres } from "../../infra/lib/postgres.ts";
import type { Deps } from "./deps.ts";
import { foreignContainers, type LettaStack } from "./stacks.ts";

/** Who would notice when Letta stops: containers on its network, and sessions on its Postgres. One line each. */
export async function findClients(deps: Deps, letta: LettaStack): Promise<string[]> {
  const containers = await foreignContainers(deps, letta.network.name, letta.containers);
  const sessions = await postgresSessions(letta);
  return [...containers.map((container) => `container ${container}`), ...sessions];
}

/** Sessions of the projects' roles; Letta's own and provisioning do not count. Empty when Postgres is down. */
async function postgresSessions(letta: LettaStack): Promise<string[]> {
  const sessions = await Promise.all(
    letta.projects.map(async (project) => {
      const count = await countSessions(letta.hostDatabaseUrls[project]);
      return count === 0 ? [] : [`project ${project}: ${count} Postgres ${count === 1 ? "session" : "sessions"}`];
    }),
  );
  return sessions.flat();
}

/** Each role sees its own sessions, so no other rights are needed than its own. */
async function countSessions(url: string | undefined): Promise<number> {
  if (url === undefined) return 0;
  try {
    return await withPostgres(url, async (client) => {
      const { rows } = await client.query<{ count: number }>(
        "select count(*)::int as count from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()",
      );
      return rows[0]?.count ?? 0;
    });
  } catch {
    return 0;
  }
}
