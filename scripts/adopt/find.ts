import { isLettaImage } from "../../infra/lib/images.ts";
import { labels, lettaNames, serverPorts, thothNames, thothRoles } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf, prefixOf } from "../lib/stack-file.ts";
import { databaseHost, findCluster, type Wanted } from "./cluster.ts";
import {
  aliasesOf,
  type Cluster,
  type InspectedContainer,
  type Installation,
  nameOf,
  type OldNetwork,
} from "./installation.ts";
import { findThoth } from "./old-thoth.ts";
import { isOpen, publishedPorts } from "./ports.ts";

/** Where to look. */
export interface Search extends Wanted {
  readonly stack: string;
  readonly thothStack: string;
}

const isOwn = ({ Config }: InspectedContainer) => Config.Labels?.[labels.prefix] !== undefined;
const aside = (name: string) => `${name}-before-adoption`;

/** Looks for the older installation on this engine; changes nothing. @throws UserError when there is none, or several */
export async function findInstallation(deps: Deps, search: Search): Promise<Installation> {
  const own = ownNames(deps, search);
  const all = await inspectAll(deps);
  const foreign = all.filter((one) => !isOwn(one));
  const cluster = await findCluster(deps, search, foreign, own);
  const names = foreign.filter((one) => holds(one, cluster)).flatMap((one) => [nameOf(one), ...aliasesOf(one)]);
  const old = foreign.filter(
    (one) =>
      own.containers.includes(nameOf(one)) ||
      holds(one, cluster) ||
      databaseHost(one).some((host) => names.includes(host)) ||
      (search.volume === undefined && isLettaImage(one.Config.Image)),
  );
  const named = (name: string) => old.find((one) => nameOf(one) === name);
  const server = old.find(({ Config }) => isLettaImage(Config.Image)) ?? named(own.server);
  const postgres = old.find((one) => holds(one, cluster));
  return {
    cluster,
    containers: old.toSorted(postgresLast(cluster)).map((one) => ({
      name: nameOf(one),
      wasRunning: one.State.Running,
      movedTo: own.containers.includes(nameOf(one)) ? aside(nameOf(one)) : nameOf(one),
      ...(one.HostConfig.RestartPolicy?.Name === "always" ? { startsWithEngine: true } : {}),
    })),
    networks: await findNetworks(deps, own.networks, all, old.map(nameOf)),
    variables: server === undefined ? {} : await variablesOf(deps, server),
    ports: publishedPorts({
      postgres: [postgres, 5432],
      server: [server, serverPorts.requests],
      gateway: [named(own.gateway), 8284],
    }),
    isOpen: old.some(isOpen),
    thoth: findThoth(old, prefixOf(deps, search.thothStack)),
  };
}

/** Names that the two stacks take on the engine, and the name that compose has for Postgres' volume. */
function ownNames(deps: Deps, { stack, thothStack }: Search) {
  const { network, internalNetwork, postgres, redis, server, gateway, backup, drill } = namesOf(deps, stack);
  const prefix = prefixOf(deps, thothStack);
  const { allInOne, role } = thothNames(prefix);
  const roles = [allInOne, ...[...thothRoles, "dashboard"].map(role)];
  return {
    server,
    gateway,
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

const holds = ({ Mounts }: InspectedContainer, { volume }: Cluster) =>
  Mounts.some(({ Name, Source }) => [Name, Source].includes(volume));

const postgresLast = (cluster: Cluster) => (one: InspectedContainer, other: InspectedContainer) =>
  Number(holds(one, cluster)) - Number(holds(other, cluster));

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
