import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { labels, lettaNames, thothNames } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf, prefixOf } from "../lib/stack-file.ts";
import { type Cluster, type InspectedContainer, type Installation, nameOf, type OldNetwork } from "./installation.ts";

/** Where to look. */
export interface Search {
  readonly stack: string;
  readonly thothStack: string;
  /** A Docker volume or folder with the cluster; default: what an older installation's containers mount. */
  readonly volume?: string | undefined;
  readonly image?: string | undefined;
}

const clusterFolder = "/var/lib/postgresql/data";
/** Upstream's image of Letta, which contains its own Postgres. */
const isLettaImage = (image: string) => /(^|\/)letta\/letta(:|@|$)/.test(image);
const isOwn = ({ Config }: InspectedContainer) => Config.Labels?.[labels.prefix] !== undefined;
const aside = (name: string) => `${name}-before-adoption`;

/** Looks for the older installation on this engine; changes nothing. @throws UserError when there is none, or several */
export async function findInstallation(deps: Deps, search: Search): Promise<Installation> {
  const own = ownNames(deps, search);
  const all = await inspectAll(deps);
  const foreign = all.filter((one) => !isOwn(one));
  const cluster = await findCluster(deps, search, foreign, own);
  const old = foreign.filter(
    (one) =>
      own.containers.includes(nameOf(one)) ||
      one.Mounts.some((mount) => [mount.Name, mount.Source].includes(cluster.volume)) ||
      (search.volume === undefined && isLettaImage(one.Config.Image)),
  );
  const names = old.map(nameOf);
  const server = old.find(({ Config }) => isLettaImage(Config.Image)) ?? old.find((one) => nameOf(one) === own.server);
  const thoth = old.find(({ Mounts }) => Mounts.some(({ Destination }) => Destination === "/vault"));
  const folder = thoth?.Config.Labels?.["com.docker.compose.project.working_dir"];
  const envFile = folder === undefined ? undefined : join(folder, ".env");
  return {
    cluster,
    containers: old.toSorted(postgresLast(cluster)).map((one) => ({
      name: nameOf(one),
      wasRunning: one.State.Running,
      movedTo: own.containers.includes(nameOf(one)) ? aside(nameOf(one)) : nameOf(one),
    })),
    networks: await findNetworks(deps, own.networks, all, names),
    variables: server === undefined ? {} : await variablesOf(deps, server),
    vault: thoth?.Mounts.find(({ Destination }) => Destination === "/vault")?.Source,
    envFile: envFile !== undefined && existsSync(envFile) ? envFile : undefined,
  };
}

/** Names that the two stacks take on the engine, and the name that compose has for Postgres' volume. */
function ownNames(deps: Deps, { stack, thothStack }: Search) {
  const { network, internalNetwork, postgres, redis, server, gateway, backup, drill } = namesOf(deps, stack);
  const prefix = prefixOf(deps, thothStack);
  const roles = ["all-in-one", "api", "mcp", "discovery", "monitor", "dashboard"].map((role) => `${prefix}-${role}`);
  return {
    server,
    postgres,
    volume: lettaNames(prefixOf(deps, stack)).volumes.postgres,
    containers: [postgres, redis, server, gateway, backup, drill, ...roles],
    networks: [network, internalNetwork, thothNames(prefix).network],
  };
}

/** Every container of the engine, stopped ones too. */
async function inspectAll(deps: Deps): Promise<readonly InspectedContainer[]> {
  const ids = (await deps.engine.listContainers()).map(({ Id }) => Id);
  if (ids.length === 0) return [];
  // One may go in between.
  const { stdout } = await deps.engine.docker(["container", "inspect", ...ids]);
  return JSON.parse(stdout) as InspectedContainer[];
}

async function findCluster(
  deps: Deps,
  { volume, image }: Search,
  foreign: readonly InspectedContainer[],
  own: { postgres: string; volume: string },
): Promise<Cluster> {
  const mounted = foreign.flatMap((one) => {
    const mount = one.Mounts.find(({ Destination }) => Destination === clusterFolder);
    return mount === undefined ? [] : [{ one, volume: mount.Name ?? mount.Source }];
  });
  const imageOf = (wanted: string) => mounted.find((entry) => entry.volume === wanted)?.one.Config.Image;
  if (volume !== undefined) return { volume, image: image ?? imageOf(volume) };
  const isOld = (one: InspectedContainer) => nameOf(one) === own.postgres || isLettaImage(one.Config.Image);
  const found = [...new Set(mounted.filter(({ one }) => isOld(one)).map((entry) => entry.volume))];
  const persisted = join(homedir(), ".letta/.persist/pgdata");
  // Without containers, the volume of compose's name, or the folder that Letta's docs have.
  if (found.length === 0) {
    if (await hasComposeLabel(deps, own.volume)) found.push(own.volume);
    if (existsSync(join(persisted, "PG_VERSION"))) found.push(persisted);
  }
  const [only] = found;
  if (only === undefined) {
    throw new UserError(
      "there is no older installation of Letta on this engine",
      "make adopt VOLUME=name, if there is",
    );
  }
  if (found.length > 1) {
    throw new UserError(`there are several older installations: ${found.join(", ")}`, `make adopt VOLUME=${only}`);
  }
  return { volume: only, image: image ?? imageOf(only) };
}

async function hasComposeLabel(deps: Deps, volume: string): Promise<boolean> {
  const format = '{{index .Labels "com.docker.compose.volume"}}';
  return (await deps.engine.docker(["volume", "inspect", "--format", format, volume])).stdout.trim() !== "";
}

const postgresLast = (cluster: Cluster) => (one: InspectedContainer, other: InspectedContainer) => {
  const rank = ({ Mounts }: InspectedContainer) =>
    Mounts.some(({ Name, Source }) => [Name, Source].includes(cluster.volume)) ? 1 : 0;
  return rank(one) - rank(other);
};

async function findNetworks(
  deps: Deps,
  wanted: readonly string[],
  all: readonly InspectedContainer[],
  old: readonly string[],
): Promise<OldNetwork[]> {
  const found = await Promise.all(
    wanted.map(async (name) => {
      const { exitCode, stdout } = await deps.engine.docker(["network", "inspect", name]);
      if (exitCode !== 0) return [];
      const [network] = JSON.parse(stdout) as [InspectedNetwork];
      // A stack that is up has its own networks, with its containers on them.
      if (all.some((one) => isOwn(one) && name in one.NetworkSettings.Networks)) return [];
      const endpoints = all.flatMap((one) => {
        const endpoint = one.NetworkSettings.Networks[name];
        if (endpoint === undefined) return [];
        const container = nameOf(one);
        return [
          {
            container,
            aliases: (endpoint.Aliases ?? []).filter((alias) => !one.Id.startsWith(alias)),
            address: endpoint.IPAMConfig?.IPv4Address || undefined,
            isClient: !old.includes(container),
          },
        ];
      });
      const subnets = (network.IPAM.Config ?? []).map(({ Subnet }) => Subnet);
      return [{ id: network.Id, name, subnets, labels: network.Labels ?? {}, endpoints }];
    }),
  );
  return found.flat();
}

interface InspectedNetwork {
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] | null };
}

/** What its operator gave a container, not its image. */
async function variablesOf(deps: Deps, { Image, Config }: InspectedContainer): Promise<Record<string, string>> {
  const { stdout } = await deps.engine.docker(["image", "inspect", "--format", "{{json .Config.Env}}", Image]);
  const ofImage = new Set(JSON.parse(stdout || "[]") as string[] | null);
  const given = (Config.Env ?? []).filter((pair) => !ofImage.has(pair));
  return Object.fromEntries(given.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
}
