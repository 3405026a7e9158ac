import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "../../../infra/lib/errors.ts";
import { lettaNames } from "../../../infra/lib/names.ts";
import { withProgress } from "../../lib/agent-progress.ts";
import { type AgentSite, agentImage } from "../../lib/agent-stack.ts";
import type { Deps } from "../../lib/deps.ts";
import {
  endOperation,
  type Operation,
  readOperation,
  requireEnded,
  saveOperation,
  stamp,
} from "../../lib/operation.ts";
import { up } from "../../lib/pulumi.ts";
import { prefixOf } from "../../lib/stack-file.ts";
import { requireSetup } from "../../setup/check.ts";
import { backUpFully } from "../restore/full-backup.ts";
import { takeOverState } from "./import-state.ts";
import { fillVolumes } from "./import-volumes.ts";
import { type Manifest, readManifest, sha256 } from "./manifest.ts";

export interface ImportOptions {
  readonly stack: string;
  /** Made by `backup export`. */
  readonly folder: string;
  readonly keyFile?: string | undefined;
}

/** An import: until it has ended, the volumes it makes are to be taken for half filled. */
export interface Import extends Operation {
  readonly kind: "import";
  readonly phase: "filling";
  /** What it has made, or is about to. */
  readonly volumes: readonly string[];
}

/** Brings a letta stack back from an archive and its recovery key: backups, data, files, config, passwords. */
export async function importBackups({ stack, folder: given, keyFile }: ImportOptions, deps: Deps): Promise<number> {
  const folder = resolve(given);
  await requireSetup(deps, stack);
  const manifest = readManifest(folder);
  const recoveryKey = readKey(keyFile);
  await requireNewStack(deps, stack);
  const names = lettaNames(prefixOf(deps, stack)).volumes;
  const volumes = [names.backup, names.postgres, names.home, names.data];
  await clearAway(deps, stack);
  await requireNoVolumes(deps, volumes);
  const archive = await requireWhole(deps, folder, manifest);
  const site = await newSite(deps, stack, manifest, recoveryKey);
  const operation = { kind: "import", phase: "filling", stack, id: stamp(), volumes } as const;
  await saveOperation<Import>(deps, operation);
  try {
    await fillVolumes(deps, site, names, archive);
    await takeOverState(deps, site, manifest.stack);
  } catch (error) {
    await removeVolumes(deps, volumes);
    await endOperation(deps, operation);
    throw error;
  }
  await endOperation(deps, operation);
  await up(deps, stack);
  await backUpFully(deps, lettaNames(site.prefix).backup);
  deps.print(`stack ${stack} is what stack ${manifest.stack} was; its passwords and keys are the old ones`);
  return 0;
}

/** @throws UserError when no file is named, or it has no key */
function readKey(file: string | undefined): string {
  if (file === undefined) {
    throw new UserError(
      "the archive opens with the recovery key alone",
      "write it into a file, and --key-file FILE (make: KEY_FILE=FILE)",
    );
  }
  if (!existsSync(file))
    throw new UserError(`there is no file ${resolve(file)}`, "--key-file FILE (make: KEY_FILE=FILE)");
  const text = readFileSync(file, "utf8").trim();
  if (/^[A-Za-z0-9]{20,}$/.test(text)) return text;
  throw new UserError(`${file} is not a recovery key: letters and digits in one line`);
}

/** @throws UserError when the stack has ever been brought up */
async function requireNewStack(deps: Deps, stack: string): Promise<void> {
  const { exitCode, stdout } = await deps.$({ nothrow: true })`pulumi stack export --stack ${stack}`;
  const { deployment } = JSON.parse(exitCode === 0 ? stdout : "{}") as { deployment?: { resources?: unknown[] } };
  if ((deployment?.resources ?? []).length === 0) return;
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
    if ((await deps.engine.docker(["volume", "inspect", volume])).exitCode !== 0) continue;
    throw new UserError(
      `volume ${volume} is there already: nothing is overwritten`,
      `another prefix for the new stack, or docker volume rm ${volume} if it is nothing worth`,
    );
  }
}

/** @returns the archive's path @throws UserError when it is not what was exported */
async function requireWhole(deps: Deps, folder: string, { archive }: Manifest): Promise<string> {
  const path = join(folder, archive.file);
  const found = await withProgress(deps, { id: "sha256", title: `Checksum of ${archive.file}` }, () => sha256(path));
  if (found === archive.sha256) return path;
  throw new UserError(`${path} is damaged: its SHA-256 is ${found} instead of ${archive.sha256}`, "copy it again");
}

async function newSite(deps: Deps, stack: string, manifest: Manifest, recoveryKey: string): Promise<AgentSite> {
  const prefix = prefixOf(deps, stack);
  const { backup: container, volumes } = lettaNames(prefix);
  const { engine, databases } = manifest;
  const settings = { engine, recoveryKey, stack, databases, schedule: {}, retention: {}, configHash: "", keys: {} };
  return {
    stack,
    prefix,
    image: await agentImage(deps, stack, container),
    settings: JSON.stringify(settings),
    repository: volumes.backup,
  };
}
