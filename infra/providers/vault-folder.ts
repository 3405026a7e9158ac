import { access, chown, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { UserError } from "../lib/errors.ts";

/** Inputs of the VaultFolder resource. */
export interface VaultFolderInputs {
  /** Absolute path on this host. */
  readonly path: string;
  /** `uid:gid` that owns the folders created here; existing ones are left as they are. */
  readonly owner: string;
  /** Default: those that Thoth expects in a vault and does not create. */
  readonly folders?: readonly string[];
}

const usualFolders = ["thoth/papers", "thoth/_thoth/logs"];

/** Creates the vault's folders where they are missing; never deletes one. */
const provider = convergingProvider<VaultFolderInputs, object>({
  id: (inputs) => inputs.path,
  isCurrent: async (olds, news) => haveSame(olds, news, ["path"]) && (await missingFolders(news)).length === 0,
  ensure: makeFolders,
});
export default provider;

async function missingFolders({ path, folders = usualFolders }: VaultFolderInputs): Promise<string[]> {
  const wanted = folders.map((folder) => join(path, folder));
  const isThere = await Promise.all(
    wanted.map((folder) =>
      access(folder).then(
        () => true,
        () => false,
      ),
    ),
  );
  return wanted.filter((_, index) => !isThere[index]);
}

async function makeFolders(inputs: VaultFolderInputs): Promise<void> {
  const { path, owner } = inputs;
  const [uid, gid] = owner.split(":").map(Number) as [number, number];
  try {
    for (const folder of await missingFolders(inputs)) {
      const first = await mkdir(folder, { recursive: true });
      if (process.getuid?.() === 0 && first !== undefined) await giveAway(first, folder, uid, gid);
    }
  } catch (error) {
    throw new UserError(
      `the vault's folders cannot be created in ${path}: ${(error as Error).message}`,
      "choose a folder you may write to: pulumi config set vault ~/vault -s thoth",
    );
  }
}

/** Changes the owner of every folder from `first` down to `last`: those that mkdir created. */
async function giveAway(first: string, last: string, uid: number, gid: number): Promise<void> {
  for (let folder = last; folder.length >= first.length; folder = dirname(folder)) await chown(folder, uid, gid);
}
