import { UserError } from "../../infra/lib/errors.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { backUpFully } from "../lib/backup-agent/results.ts";
import { siteWithKey } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, type Operation, readOperation, requireEnded, saveOperation, stamp } from "../lib/operation.ts";
import { stateSummary, up } from "../lib/pulumi.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { prefixOf } from "../lib/stack-file.ts";
import { importSource } from "./import-source.ts";
import { storedOf, takeOverSecrets } from "./import-state.ts";
import { fillVolumes } from "./import-volumes.ts";
import { readRecoveryKey } from "./key.ts";

export interface ImportOptions {
  readonly stack: string;
  /** Made by `backup export`; default: the copy on another host that the new stack's config names. */
  readonly folder?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** An import: until it has ended, the volumes it makes are to be taken for half filled. */
export interface Import extends Operation {
  readonly kind: "import";
  readonly phase: "filling";
  /** What it has made, or is about to. */
  readonly volumes: readonly string[];
}

/**
 * Brings a letta stack back from an archive, or a copy on another host, and its recovery key: backups, data, files, config,
 * passwords.
 */
export async function importBackups({ stack, folder, keyFile }: ImportOptions, deps: Deps): Promise<number> {
  await requireSetup(deps, stack);
  const source = await importSource(deps, stack, folder);
  const recoveryKey = readRecoveryKey(keyFile);
  await requireNewStack(deps, stack);
  const names = lettaNames(prefixOf(deps, stack)).volumes;
  const volumes = [names.backup, names.postgres, names.home, names.data];
  await clearAway(deps, stack);
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
  deps.print(`stack ${stack} is what stack ${oldStack} was; its passwords and keys are the old ones`);
  return 0;
}

/** @throws UserError when the stack has ever been brought up */
async function requireNewStack(deps: Deps, stack: string): Promise<void> {
  const state = await stateSummary(deps, stack);
  if (state === undefined || state.isEmpty) return;
  throw new UserError(
    `stack ${stack} has been brought up already: an import makes a new one, and overwrites nothing`,
    "import into another stack: LETTA_STACK=name",
  );
}

/** Takes away what an import left that was killed. */
async function clearAway(deps: Deps, stack: string): Promise<void> {
  const unfinished = await readOperation<Import>(deps, stack);
  if (unfinished === undefined) return;
  requireEnded(unfinished);
  if (unfinished.kind !== "import") throw new UserError(`a ${unfinished.kind} of stack ${stack} is unfinished`);
  deps.print("beginning again: an import was interrupted");
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
      `volume ${volume} is there already: nothing is overwritten`,
      `another prefix for the new stack, or docker volume rm ${volume} if it is nothing worth`,
    );
  }
}
