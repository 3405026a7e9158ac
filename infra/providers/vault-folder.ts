import { access, chown, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { docker, dockerOutput, runOnce } from "../lib/docker/engine.ts";
import { UserError } from "../lib/errors.ts";

/** Inputs of the VaultFolder resource. */
export interface VaultFolderInputs {
  /** Absolute path on the engine's host. */
  readonly path: string;
  /** `uid:gid` that owns the folders created here; existing ones are left as they are. */
  readonly owner: string;
  /** Default: those that Thoth expects in a vault and does not create. */
  readonly folders?: readonly string[];
  /** An image with a shell, whose container makes the folders where the engine is on another host. Default: this process makes them. */
  readonly image?: string;
}

const usualFolders = ["thoth/papers", "thoth/_thoth/logs"];

/** Creates the vault's folders where they are missing; never deletes one. */
const provider = convergingProvider<VaultFolderInputs, object>({
  id: (inputs) => inputs.path,
  isCurrent: async (olds, news) => haveSame(olds, news, ["path"]) && (await areThere(news)),
  ensure: (inputs) => (inputs.image === undefined ? makeFolders(inputs) : makeRemotely(inputs, inputs.image)),
});
export default provider;

async function areThere(inputs: VaultFolderInputs): Promise<boolean> {
  const { path, folders = usualFolders, image } = inputs;
  if (image === undefined) return (await missingFolders(inputs)).length === 0;
  // Unlike --volume, this fails where the vault itself is missing.
  const mount = ["--mount", `type=bind,source=${path},target=/vault,readonly`, "--entrypoint", "sh", image];
  const script = 'for folder; do [ -d "/vault/$folder" ] || exit 1; done';
  return (await docker([...runOnce(), "--network", "none", ...mount, "-c", script, "sh", ...folders])).exitCode === 0;
}

/** A vault that the engine itself made for this container is root's. */
const remoteScript = `
  set -e; owner=$1; shift
  [ "$(stat -c %u /vault)" != 0 ] || [ -n "$(ls -A /vault)" ] || chown "$owner" /vault
  for folder; do
    place=/vault; IFS=/
    for part in $folder; do
      place=$place/$part
      [ -d "$place" ] || { mkdir "$place"; chown "$owner" "$place"; }
    done
  done`;

async function makeRemotely({ path, owner, folders = usualFolders }: VaultFolderInputs, image: string): Promise<void> {
  const root = [...runOnce(["CHOWN", "DAC_OVERRIDE"]), "--network", "none", "--user", "0:0"];
  const container = ["--volume", `${path}:/vault`, "--entrypoint", "sh", image];
  await dockerOutput([...root, ...container, "-c", remoteScript, "sh", owner, ...folders]);
}

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
