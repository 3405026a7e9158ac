import { UserError } from "../../infra/lib/errors.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { backUpFully } from "../lib/backup-agent/results.ts";
import { siteWithKey } from "../lib/backup-agent/stack.ts";
import { requireSetup } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import {
  endOperation,
  type Operation,
  readOperation,
  requireEnded,
  requireNoOperation,
  saveOperation,
  stamp,
} from "../lib/operation.ts";
import { stateSummary, up } from "../lib/pulumi.ts";
import { namesOf } from "../lib/stack-file.ts";
import { importSource } from "./import-source.ts";
import { storedOf, takeOverSecrets } from "./import-state.ts";
import { fillVolumes } from "./import-volumes.ts";
import { readRecoveryKey } from "./key.ts";

export interface ImportOptions {
  readonly stack: string;
  /** Written by `backup export`. Default: the copy on another host that is in the new stack's config. */
  readonly folder?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** An import. Until it has ended, its volumes count as half filled. */
export interface Import extends Operation {
  readonly kind: "import";
  readonly phase: "filling";
  /** Those it creates. */
  readonly volumes: readonly string[];
}

/**
 * Restores a letta stack from an archive, or from its copy on another host, with the recovery key: backups, data, files,
 * config and passwords.
 */
export async function importBackups({ stack, folder, keyFile }: ImportOptions, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  const source = await importSource(deps, stack, folder);
  const recoveryKey = readRecoveryKey(keyFile);
  await requireNewStack(deps, stack);
  const names = namesOf(deps, stack).volumes;
  const volumes = [names.backup, names.postgres, names.home, names.data];
  await removeKilledImport(deps, stack);
  await requireNoVolumes(deps, volumes);
  await source.check();
  const site = await siteWithKey(deps, stack, recoveryKey, source.settings);
  const operation = { kind: "import", phase: "filling", stack, id: stamp(), volumes } as const;
  await saveOperation<Import>(deps, operation);
  let oldStack: string;
  try {
    await fillVolumes(deps, site, names, source);
    oldStack = await takeOverSecrets(deps, stack, storedOf(deps, site));
  } catch (error) {
    await removeVolumes(deps, volumes);
    await endOperation(deps, operation);
    throw error;
  }
  await endOperation(deps, operation);
  await up(deps, stack);
  await backUpFully(deps, lettaNames(site.prefix).backup);
  deps.print(`stack ${stack} has all of stack ${oldStack}, including its passwords and keys`);
  return 0;
}

/** @throws UserError when the stack was ever brought up */
async function requireNewStack(deps: Deps, stack: string): Promise<void> {
  const state = await stateSummary(deps, stack);
  if (state === undefined || state.isEmpty) return;
  throw new UserError(
    `stack ${stack} was brought up before, and an import overwrites nothing`,
    "make backup-import LETTA_STACK=name imports into another stack",
  );
}

/** Removes what a killed import left. */
async function removeKilledImport(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation<Import>(deps, stack);
  if (unfinished?.kind !== "import") return requireNoOperation(deps, stack);
  requireEnded(unfinished);
  deps.print("an import was interrupted: starting over");
  await removeVolumes(deps, unfinished.volumes);
  await endOperation(deps, unfinished);
}

async function removeVolumes(deps: Deps, volumes: readonly string[]): Promise<void> {
  for (const volume of volumes) await deps.engine.docker(["volume", "rm", "--force", volume]);
}

async function requireNoVolumes(deps: Deps, volumes: readonly string[]): Promise<void> {
  for (const volume of volumes) {
    if (!(await deps.engine.volumeExists(volume))) continue;
    throw new UserError(
      `volume ${volume} exists already, and an import overwrites nothing`,
      `set thoth-letta:prefix of the new stack, or if nobody needs the volume: docker volume rm ${volume}`,
    );
  }
}
