import { setTimeout } from "node:timers/promises";
import { loginRole } from "../../infra/lib/credentials.ts";
import { lettaOwner } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { changeConfigPaths } from "../lib/stack-file.ts";
import { describeSessions, readNeighbours } from "./neighbours.ts";
import { readPostgres, type Session, sessionsOf } from "./postgres.ts";
import { credentialChange, credentialsOf, type ProjectsSite } from "./site.ts";

/** Owner -> the generation that its credentials are to be of. */
export type Generations = Readonly<Record<string, number>>;

/** The generations after those that count now. */
export function nextGenerations(site: ProjectsSite, owners: readonly string[]): Record<string, number> {
  return Object.fromEntries(owners.map((owner) => [owner, credentialsOf(site, owner).generation + 1]));
}

/** Writes into the config, in one piece, which generations count, and whether those before them still do. */
export function writeGenerations(
  deps: Deps,
  { stack }: ProjectsSite,
  generations: Generations,
  overlap: boolean,
): Promise<void> {
  const changes = Object.entries(generations).map(([owner, generation]) =>
    credentialChange(owner, { generation, overlap }),
  );
  return changeConfigPaths(deps, stack, changes);
}

/** The role that an owner logged in with before this generation. */
export function oldRole(owner: string, generation: number): string {
  return loginRole(owner, generation - 1);
}

/**
 * Sessions with the old roles that would be missed: owner -> sessions; those without any are left out. Of Letta's own only
 * those at work count, since it never takes up an old one again.
 */
export async function oldSessions(
  deps: Deps,
  site: ProjectsSite,
  generations: Generations,
): Promise<Record<string, Session[]>> {
  const picture = await readPostgres(deps, site);
  const found = Object.entries(generations).map(([owner, generation]) => {
    const sessions = sessionsOf(picture, [oldRole(owner, generation)]);
    return [owner, owner === lettaOwner ? sessions.filter(({ isIdle }) => !isIdle) : sessions] as const;
  });
  return Object.fromEntries(found.filter(([, sessions]) => sessions.length > 0));
}

/** Waits until nobody is logged in with an old role, at most so long. @returns as {@link oldSessions} */
export async function waitForOldSessions(
  deps: Deps,
  site: ProjectsSite,
  generations: Generations,
  seconds: number,
): Promise<Record<string, Session[]>> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const open = await oldSessions(deps, site, generations);
    if (Object.keys(open).length === 0 || Date.now() >= deadline) return open;
    await setTimeout(1000);
  }
}

/** Prints who is still logged in with an old role. */
export async function printOldSessions(
  deps: Deps,
  site: ProjectsSite,
  open: Readonly<Record<string, Session[]>>,
): Promise<void> {
  const neighbours = await readNeighbours(deps, site);
  for (const line of describeSessions(neighbours, Object.values(open).flat())) deps.print(`  ${line}`);
}
