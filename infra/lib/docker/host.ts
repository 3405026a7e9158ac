/** The address by which this host reaches what is published on `bindAddress`. */
export function hostAddress(bindAddress: string): string {
  if (bindAddress === "0.0.0.0") return "127.0.0.1";
  // Docker publishes on IPv6 alone then.
  return bindAddress === "::" ? "::1" : bindAddress;
}

/** The URL of a published port, as this host reaches it. */
export function hostUrl(bindAddress: string, port: number, scheme: "http" | "https" = "http"): string {
  return `${scheme}://${urlAuthority(hostAddress(bindAddress), port)}`;
}

/** An address and a port as they stand in a URL, where IPv6 needs brackets. */
export function urlAuthority(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
