import ipaddr from "ipaddr.js";

/** The addresses of one Docker bridge network. */
export interface NetworkPlan {
  /** The whole network, CIDR. */
  readonly subnet: string;
  /** The bridge's own address: the first host of the subnet. */
  readonly gateway: string;
  /** The upper half, CIDR: Docker assigns addresses from here, so they never meet the fixed ones. */
  readonly ipRange: string;
  /** The address of the nth host, for services at a fixed address. */
  readonly host: (index: number) => string;
}

/** Plans a network from its subnet in CIDR notation, /16 to /26. */
export function planNetwork(subnet: string): NetworkPlan {
  const [address, prefixLength] = ipaddr.IPv4.parseCIDR(subnet);
  const base = toNumber(address);
  return {
    subnet,
    gateway: toAddress(base + 1),
    ipRange: `${toAddress(base + 2 ** (31 - prefixLength))}/${prefixLength + 1}`,
    host: (index) => toAddress(base + index),
  };
}

/** The first address of a subnet in CIDR notation. */
export function firstAddress(subnet: string): string {
  return ipaddr.IPv4.networkAddressFromCIDR(subnet).toString();
}

/** True when two subnets in CIDR notation share an address. */
export function subnetsOverlap(first: string, second: string): boolean {
  const [a, b] = [ipaddr.IPv4.parseCIDR(first), ipaddr.IPv4.parseCIDR(second)];
  const shorter = Math.min(a[1], b[1]);
  return a[0].match(b[0], shorter);
}

/** The address by which this host reaches what is published on `bindAddress`. */
export function hostAddress(bindAddress: string): string {
  if (bindAddress === "0.0.0.0") return "127.0.0.1";
  // Docker then publishes on IPv6 only.
  return bindAddress === "::" ? "::1" : bindAddress;
}

/** The URL by which this host reaches a published port. */
export function hostUrl(bindAddress: string, port: number, scheme: "http" | "https" = "http"): string {
  return `${scheme}://${urlAuthority(hostAddress(bindAddress), port)}`;
}

/** An address and a port as in a URL, with brackets around IPv6. */
export function urlAuthority(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function toNumber(address: ipaddr.IPv4): number {
  return address.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
}

function toAddress(value: number): string {
  return new ipaddr.IPv4([24, 16, 8, 0].map((shift) => (value >>> shift) & 255)).toString();
}
