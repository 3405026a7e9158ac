import { createServer } from "node:net";
import { UserError } from "../errors.ts";
import { isLettaImage } from "../images.ts";
import { labels } from "../names.ts";
import { type ListedContainer, listContainers } from "./engine.ts";
import { remoteEngine } from "./host.ts";
import { subnetsOverlap } from "./network.ts";
import { freeSubnet, hostRoutes, type ListedNetwork, listNetworks, subnetsOf } from "./subnets.ts";

/** What a stack will occupy on this host. */
export interface HostClaims {
  readonly stack: string;
  /** The stack's prefix; containers that carry it as a label are its own. */
  readonly prefix: string;
  readonly bindAddress: string;
  /** Config key -> port. */
  readonly ports: Readonly<Record<string, number>>;
  /** Each with the config key of its subnet. */
  readonly networks: readonly { readonly key: string; readonly name: string; readonly subnet: string }[];
  readonly containers: readonly string[];
}

/**
 * Checks that the engine answers and that everything the stack will occupy is free.
 *
 * @throws UserError naming everything that is in the way, and the command that fixes each
 */
export async function checkHost(claims: HostClaims): Promise<void> {
  const [containers, networks] = await Promise.all([listContainers(), listNetworks()]);
  const ports = Object.entries(claims.ports).map(([key, port]) => portProblem(key, port, claims, containers));
  const problems = [
    ...(await Promise.all(ports)),
    ...claims.networks.flatMap((network) => [
      networkProblem(network.name, networks),
      subnetProblem(network, claims, networks),
    ]),
    ...claims.containers.map((name) => nameProblem(name, claims, containers)),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new UserError([...new Set(problems)].join("\n"));
}

async function portProblem(
  key: string,
  port: number,
  claims: HostClaims,
  containers: readonly ListedContainer[],
): Promise<string | undefined> {
  // More than one if the port is published on several addresses.
  const holders = containers.filter(({ Ports }) => Ports.some(({ PublicPort }) => PublicPort === port));
  const code = await listenError(claims.bindAddress, port);
  if (code === undefined && holders.length === 0) return undefined;
  const fix = `\n  fix: pulumi config set --path 'thoth-letta:${key}' PORT -s ${claims.stack}`;
  if (code === "EADDRNOTAVAIL") {
    return `${claims.bindAddress} is not an address of this host\n  fix: pulumi config set bindAddress 127.0.0.1 -s ${claims.stack}`;
  }
  if (code === "EACCES") return `port ${port} (${key}) needs root${fix}`;
  // One of the stack's own that ends again and again has its ports only at times.
  const own = containers.filter(({ Labels }) => Labels[labels.prefix] === claims.prefix);
  if (holders.length === 0 && own.some(({ State }) => State === "restarting")) return undefined;
  if (holders.some(({ Labels }) => Labels[labels.prefix] === claims.prefix)) return undefined;
  const [holder] = holders;
  if (holder !== undefined && isLettaImage(holder.Image)) {
    return (
      `port ${port} (${key}) is taken by container ${nameOf(holder)}, an older installation of Letta` +
      `\n  fix: make adopt, which takes it over and keeps it; to run next to it: pulumi config set --path 'thoth-letta:${key}' PORT -s ${claims.stack}`
    );
  }
  const who = holder === undefined ? "another process on this host" : `container ${nameOf(holder)}`;
  return `port ${port} (${key}) is taken by ${who}: stop it, or choose another port${fix}`;
}

const nameOf = ({ Names }: ListedContainer) => Names[0]?.slice(1);

/** The error code of listening on an address, or undefined when the port is free: as far as this host can tell. */
async function listenError(host: string, port: number): Promise<string | undefined> {
  if (remoteEngine() !== undefined) return undefined;
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(undefined)));
  });
}

function subnetProblem(
  network: HostClaims["networks"][number],
  { networks: own, stack }: HostClaims,
  networks: readonly ListedNetwork[],
): string | undefined {
  const others = networks.filter(({ Name }) => own.every(({ name }) => name !== Name));
  const inTheWay = others.find((other) => subnetsOf(other).some((subnet) => subnetsOverlap(subnet, network.subnet)));
  if (inTheWay === undefined) return undefined;
  const taken = [...networks.flatMap(subnetsOf), ...own.map(({ subnet }) => subnet), ...hostRoutes()];
  return (
    `${network.key} ${network.subnet} overlaps with Docker network ${inTheWay.Name}` +
    `\n  fix: pulumi config set ${network.key} ${freeSubnet(network.subnet, taken)} -s ${stack}`
  );
}

function nameProblem(name: string, { prefix }: HostClaims, containers: readonly ListedContainer[]): string | undefined {
  const found = containers.find((container) => nameOf(container) === name);
  if (found === undefined || found.Labels[labels.prefix] === prefix) return undefined;
  return (
    `container ${name} exists and is not this stack's` +
    `\n  fix: make adopt, which takes an older installation over and keeps it; any other: docker rename ${name} ${name}-old`
  );
}

/** Pulumi's own networks have no labels; compose's would only be refused by the engine, after other things were made. */
function networkProblem(name: string, networks: readonly ListedNetwork[]): string | undefined {
  const found = networks.find(({ Name }) => Name === name);
  const project = found?.Labels?.["com.docker.compose.project"];
  if (project === undefined) return undefined;
  return `network ${name} exists and is compose project ${project}'s\n  fix: make adopt, which takes an older installation over`;
}
