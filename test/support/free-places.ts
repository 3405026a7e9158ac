import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { subnetsOverlap } from "../../infra/lib/docker/network.ts";

/** Below the range from which the kernel takes ports for outgoing connections: a port stays free while a stack is down. */
const ports = { first: 20_000, last: 32_000 };

/** As many free ports of this host as asked for. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(ports.first, ports.last);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "0.0.0.0", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** As many subnets of 256 addresses as asked for, of which no Docker network has a part. */
export async function freeSubnets(count: number): Promise<string[]> {
  const names = (await dockerOutput(["network", "ls", "--quiet"])).trim().split("\n");
  const format = "{{range .IPAM.Config}}{{println .Subnet}}{{end}}";
  const taken = (await dockerOutput(["network", "inspect", "--format", format, ...names])).split(/\s+/);
  const found = new Set<string>();
  while (found.size < count) {
    const subnet = `10.213.${randomInt(256)}.0/24`;
    const isTaken = taken.some((other) => other.includes(".") && subnetsOverlap(other, subnet));
    if (!isTaken) found.add(subnet);
  }
  return [...found];
}
