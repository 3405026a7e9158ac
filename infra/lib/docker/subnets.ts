import { readFileSync } from "node:fs";
import ipaddr from "ipaddr.js";
import { readEngine } from "./api.ts";
import { remoteEngine } from "./host.ts";
import { subnetsOverlap } from "./network.ts";

/** A network of the engine, as its list has it. */
export interface ListedNetwork {
  readonly Name: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string }[] | null };
}

/** A network that a stack will make. */
export interface PlannedNetwork {
  readonly name: string;
  /** From the config, or the default. */
  readonly subnet: string;
  /** The config has it, so that no other may take its place. */
  readonly isGiven: boolean;
}

/** All networks of the engine. */
export async function listNetworks(): Promise<readonly ListedNetwork[]> {
  return (await readEngine<ListedNetwork[]>("/networks")) ?? [];
}

/** The IPv4 subnets of a network. */
export function subnetsOf({ IPAM }: ListedNetwork): string[] {
  return (IPAM.Config ?? []).flatMap(({ Subnet }) => (Subnet?.includes(".") ? [Subnet] : []));
}

/**
 * The subnet of each network: the config's; without one the subnet that the network has on the engine, else the default if
 * nothing else has that, else the next free one.
 *
 * @param networks config key of the subnet -> network
 */
export async function chooseSubnets<Key extends string>(
  networks: Readonly<Record<Key, PlannedNetwork>>,
  routes: readonly string[] = hostRoutes(),
): Promise<Record<Key, string>> {
  const planned = Object.entries<PlannedNetwork>(networks);
  const listed = await listNetworks();
  const own = new Map(listed.map((one) => [one.Name, subnetsOf(one)[0]]));
  const known = planned.flatMap(([key, { name, subnet, isGiven }]) => {
    const fixed = isGiven ? subnet : own.get(name);
    return fixed === undefined ? [] : [[key, fixed] as const];
  });
  const chosen = new Map<string, string>(known);
  const others = listed.filter(({ Name }) => planned.every(([, { name }]) => name !== Name)).flatMap(subnetsOf);
  for (const [key, { subnet }] of planned) {
    if (!chosen.has(key)) chosen.set(key, freeSubnet(subnet, [...others, ...routes, ...chosen.values()]));
  }
  return Object.fromEntries(chosen) as Record<Key, string>;
}

/** Where to look for a free subnet, far from what Docker gives to networks without one. */
const pools = ["172.24.0.0/13", "10.128.0.0/9", "192.168.0.0/16"];

/** The usual subnet if it is free, else the first free one of its size. */
export function freeSubnet(usual: string, taken: readonly string[]): string {
  const isFree = (subnet: string) => taken.every((other) => !subnetsOverlap(subnet, other));
  const length = Number(usual.split("/")[1]);
  return [usual, ...pools.flatMap((pool) => blocksOf(pool, length))].find(isFree) ?? usual;
}

/** The subnets of this length in a larger one. */
function blocksOf(pool: string, length: number): string[] {
  const [first, poolLength] = ipaddr.IPv4.parseCIDR(pool);
  const start = first.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
  return Array.from({ length: Math.floor(2 ** (length - poolLength)) }, (_, index) => {
    const value = start + index * 2 ** (32 - length);
    return `${[24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".")}/${length}`;
  });
}

/**
 * The subnets that this host reaches by a separate route, such as its network's or a VPN's. Docker's own are left out, and
 * routes to half of the Internet, by which a VPN takes the place of the default one.
 */
export function hostRoutes(table = "/proc/net/route"): string[] {
  // Those of this host say nothing of the engine's.
  if (remoteEngine() !== undefined) return [];
  const rows = readRoutes(table).map((row) => row.split("\t"));
  return rows.flatMap(([device = "", destination = "", , , , , , mask = ""]) => {
    const length = fromHex(mask).reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
    if (/^(docker|br-|veth)/.test(device) || length < 8) return [];
    return [`${fromHex(destination).join(".")}/${length}`];
  });
}

function readRoutes(table: string): string[] {
  try {
    return readFileSync(table, "utf8").trim().split("\n").slice(1);
  } catch {
    return []; // Not Linux.
  }
}

/** The bytes of an address, which the kernel prints with the last one first. */
function fromHex(text: string): number[] {
  return (text.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).reverse();
}
