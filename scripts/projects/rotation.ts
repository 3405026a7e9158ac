import { loginRole } from "../../infra/lib/credentials.ts";
import { lettaOwner } from "../../infra/lib/names.ts";
import { startLetta } from "../letta/start.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { changeConfigPaths } from "../lib/stack-file.ts";
import { describeSessions, readNeighbours } from "./neighbours.ts";
import { readPostgres, sessionsOf } from "./postgres.ts";
import { credentialsOf, type ProjectsSite } from "./site.ts";

/** Owner, a project or Letta -> generation of its credentials. */
export type Generations = Readonly<Record<string, number>>;

/** The generations of these owners that an overlap has begun with, or the next ones. */
export function generationsOf(site: ProjectsSite, owners: readonly string[]): Generations {
  return Object.fromEntries(
    owners.map((owner) => {
      const { generation, overlap } = credentialsOf(site, owner);
      return [owner, overlap ? generation : generation + 1];
    }),
  );
}

/** Makes these generations valid, with or without the previous ones, and brings the stack up. */
export async function applyGenerations(
  deps: Deps,
  { stack }: ProjectsSite,
  generations: Generations,
  { overlap }: { readonly overlap: boolean },
): Promise<void> {
  const changes = Object.entries(generations).map(([owner, generation]) => ({
    path: ["credentials", owner] as const,
    value: overlap ? { generation, overlap } : { generation },
  }));
  await changeConfigPaths(deps, stack, changes);
  await startLetta({ stack }, deps);
}

/**
 * Who is logged in with the credentials before these, one line each.
 *
 * Letta's own sessions count only while they work: it replaces an idle one before it uses it again.
 */
export async function oldSessions(deps: Deps, site: ProjectsSite, generations: Generations): Promise<string[]> {
  const picture = await readPostgres(deps, site);
  const sessions = Object.entries(generations).flatMap(([owner, generation]) =>
    sessionsOf(picture, [loginRole(owner, generation - 1)]).filter(({ isIdle }) => owner !== lettaOwner || !isIdle),
  );
  return sessions.length === 0 ? [] : describeSessions(await readNeighbours(deps, site), sessions);
}

/** Asks before old credentials are revoked that are still in use. @param lines as {@link oldSessions} returns them */
export function mayRevoke(deps: Deps, yes: boolean, lines: readonly string[]): Promise<boolean> {
  const heading = "still logged in with old credentials, and would be cut off:";
  return confirm(deps, {
    yes: yes || lines.length === 0,
    affects: { heading, lines },
    question: "revoke the old credentials all the same?",
  });
}
