import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { isLettaImage } from "../../infra/lib/images.ts";
import type { Deps } from "../lib/deps.ts";
import { aliasesOf, type Cluster, type InspectedContainer, nameOf, variableOf } from "./installation.ts";

/** Which cluster is looked for. */
export interface Wanted {
  /** A Docker volume or folder with the cluster; default: what an older installation's containers mount. */
  readonly volume?: string | undefined;
  readonly image?: string | undefined;
}

/** Names that Postgres' container and volume have in upstream's compose file. */
interface UsualNames {
  readonly postgres: string;
  readonly volume: string;
}

const clusterFolder = "/var/lib/postgresql/data";

/** Looks for Postgres' files among the containers of others. @throws UserError when there are none, or several */
export async function findCluster(
  deps: Deps,
  { volume, image }: Wanted,
  foreign: readonly InspectedContainer[],
  usual: UsualNames,
): Promise<Cluster> {
  // Letta's image has a volume for the Postgres inside it, which stays empty where its database is elsewhere.
  const mounted = foreign.flatMap((one) => {
    if (databaseHost(one).length > 0) return [];
    const mount = one.Mounts.find(({ Destination }) => Destination === clusterFolder);
    return mount === undefined ? [] : [{ one, volume: mount.Name ?? mount.Source }];
  });
  const imageOf = (wanted: string) => mounted.find((entry) => entry.volume === wanted)?.one.Config.Image;
  if (volume !== undefined) {
    const given = whole(volume);
    return { volume: given, image: image ?? imageOf(given) };
  }
  const hosts = foreign.flatMap(databaseHost);
  const isOld = (one: InspectedContainer) =>
    nameOf(one) === usual.postgres ||
    isLettaImage(one.Config.Image) ||
    [nameOf(one), ...aliasesOf(one)].some((name) => hosts.includes(name));
  const found = new Map(
    mounted
      .filter(({ one }) => isOld(one))
      .map((entry) => [entry.volume, `${entry.volume} (container ${nameOf(entry.one)})`]),
  );
  // Without containers, the volume of compose's name, or the folder that Letta's docs have. What is in it only its owner sees.
  const persisted = join(homedir(), ".letta/.persist/pgdata");
  if (found.size === 0) {
    if (await hasComposeLabel(deps, usual.volume)) found.set(usual.volume, usual.volume);
    if (existsSync(persisted)) found.set(persisted, persisted);
  }
  const [only] = found.keys();
  if (only === undefined) {
    throw new UserError(
      "there is no older installation of Letta on this engine",
      "make adopt VOLUME=name, if there is",
    );
  }
  if (found.size > 1) {
    const all = [...found.values()].join(", ");
    throw new UserError(`there are several older installations: ${all}`, `make adopt VOLUME=${only}`);
  }
  return { volume: only, image: image ?? imageOf(only) };
}

/** A folder is given as the shell has it; a volume's name has no slash. */
function whole(volume: string): string {
  return /[/~]/.test(volume) ? resolve(volume.replace(/^~(?=\/|$)/, homedir())) : volume;
}

/** The host of a Letta server's database; none where it starts one itself. */
export function databaseHost(one: InspectedContainer): string[] {
  if (!isLettaImage(one.Config.Image)) return [];
  const uri = variableOf(one, "LETTA_PG_URI") ?? "";
  return URL.canParse(uri) ? [new URL(uri).hostname] : [];
}

async function hasComposeLabel(deps: Deps, volume: string): Promise<boolean> {
  const format = '{{index .Labels "com.docker.compose.volume"}}';
  return (await deps.engine.docker(["volume", "inspect", "--format", format, volume])).stdout.trim() !== "";
}
