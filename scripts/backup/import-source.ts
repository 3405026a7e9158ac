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
  /** Shown while they are fetched. */
  readonly title: string;
  /** The agent's command that fills an empty repository. */
  readonly fetching: Pick<OneOff, "args" | "hasNetwork" | "inputFile">;
  /** What the agent needs for it besides the key. */
  readonly settings: Pick<Partial<SettingsInput>, "offsite">;
  /** Verifies them as far as that is possible beforehand. @throws UserError when they are damaged */
  check(): Promise<void>;
}

/**
 * The archive in a folder, or without a folder the copy on another host that is in the stack's config.
 *
 * @throws UserError when there is neither
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
    // pgBackRest verifies each file while it restores.
    async check() {},
  };
}

async function readOffsite(deps: Deps, stack: string): Promise<SettingsInput["offsite"]> {
  const backup = (await openConfig(deps, stack))[`${projectName}:backup`] as Pick<SettingsInput, "offsite"> | undefined;
  if (backup?.offsite !== undefined) return backup.offsite;
  throw new UserError(
    `stack ${stack} has no copy of backups in its config: ${projectName}:backup.offsite is not set`,
    "set it (docs/operations.md), or give the folder of an export: make backup-import FOLDER=path",
  );
}
