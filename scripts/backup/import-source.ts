import { join, resolve } from "node:path";
import type { SettingsInput } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { projectName } from "../../infra/lib/names.ts";
import type { OneOff } from "../lib/backup-agent/stack.ts";
import { openConfig } from "../lib/backup-agent/state.ts";
import type { Deps } from "../lib/deps.ts";
import { withProgress } from "../lib/progress.ts";
import { readManifest, sha256 } from "./manifest.ts";

/** Where the backups of an import are. */
export interface ImportSource {
  /** What is told while they are fetched. */
  readonly title: string;
  /** The agent's command that fills an empty repository with them. */
  readonly fetching: Pick<OneOff, "args" | "hasNetwork" | "inputFile">;
  /** What the agent has to know for it, the key aside. */
  readonly settings: Pick<Partial<SettingsInput>, "offsite">;
  /** Reads all of them where that is possible beforehand. @throws UserError when they are damaged */
  check(): Promise<void>;
}

/**
 * An exported archive's folder, or without one the copy on another host that the stack's config names.
 *
 * @throws UserError when it is neither
 */
export async function importSource(deps: Deps, stack: string, folder: string | undefined): Promise<ImportSource> {
  return folder === undefined ? copy(await readOffsite(deps, stack)) : archiveIn(deps, resolve(folder));
}

function archiveIn(deps: Deps, folder: string): ImportSource {
  const { archive } = readManifest(folder);
  const path = join(folder, archive.file);
  return {
    title: "Unpacking the backups",
    fetching: { args: ["import"], inputFile: path },
    settings: {},
    async check() {
      const work = { id: "sha256", title: `Checksum of ${archive.file}` };
      const found = await withProgress(deps, work, () => sha256(path));
      if (found === archive.sha256) return;
      throw new UserError(`${path} is damaged: its SHA-256 is ${found} instead of ${archive.sha256}`, "copy it again");
    },
  };
}

function copy(offsite: SettingsInput["offsite"]): ImportSource {
  return {
    title: "Copying the backups from the other host",
    fetching: { args: ["offsite", "pull"], hasNetwork: true },
    settings: { offsite },
    // Who made it checks each file of it while it is restored.
    async check() {},
  };
}

async function readOffsite(deps: Deps, stack: string): Promise<SettingsInput["offsite"]> {
  const backup = (await openConfig(deps, stack))[`${projectName}:backup`] as Pick<SettingsInput, "offsite"> | undefined;
  if (backup?.offsite !== undefined) return backup.offsite;
  throw new UserError(
    `stack ${stack} names no host with a copy of backups: ${projectName}:backup.offsite is not set`,
    "set it as docs/operations.md tells, or name the folder of an export: FOLDER=path",
  );
}
