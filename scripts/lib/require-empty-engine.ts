import { UserError } from "../../infra/lib/errors.ts";
import { thothNames } from "../../infra/lib/names.ts";
import type { Deps } from "./deps.ts";
import { namesOf, prefixOf, readConfigFile } from "./stack-file.ts";

/**
 * Refuses an empty state if the engine already has the stack: another checkout of this project made it, or this one before
 * its `.state` was lost. An update would remove its containers as leftovers, and give its data new passwords and a new
 * encryption key.
 *
 * @param containers names of the stack's containers
 * @throws UserError with what exists, and the ways out
 */
export async function requireNothingThere(deps: Deps, stack: string, containers: readonly string[]): Promise<void> {
  const prefix = prefixOf(deps, stack);
  const { kind = stack } = readConfigFile(deps, stack);
  const isLetta = kind === "letta";
  const { backup, home } = namesOf(deps, stack).volumes;
  // The other volumes may come from an older installation.
  const candidates = isLetta ? [backup, home] : [];
  const volumes: string[] = [];
  for (const volume of candidates) if (await deps.engine.volumeExists(volume)) volumes.push(volume);
  if (containers.length === 0 && volumes.length === 0) return;
  const found = [
    ...(containers.length === 0 ? [] : [`containers ${containers.join(", ")}`]),
    ...(volumes.length === 0 ? [] : [`volumes ${volumes.join(", ")}`]),
  ];
  // Compose made it, or an older installation without backups: recovery would find none.
  const isOlder = isLetta && containers.length === 0 && !volumes.includes(backup);
  const another = "if another checkout of this project made them, use that one";
  const remove = `docker rm --force ${containers.join(" ")}; docker network rm ${thothNames(prefix).network}`;
  const recover = isLetta ? "make letta-recover" : `${remove} (Thoth keeps nothing in them)`;
  throw new UserError(
    `stack ${stack} has no state here, but the engine has ${found.join(" and ")}`,
    isOlder
      ? `make adopt takes an older installation over and keeps it; ${another}`
      : `${another}; if its state is lost: ${recover}`,
  );
}
