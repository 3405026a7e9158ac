import { randomInt } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { subnetsOverlap } from "../../infra/lib/docker/network.ts";
import { folderStart } from "./engine-objects.ts";

/** Below the range from which the kernel takes ports for outgoing connections: a port stays free while a stack is down. */
const ports = { first: 20_000, last: 32_000 };

/** As many free ports of this host as asked for. */
export async function freePorts(count: number): Promise<number[]> {
  const claimed = configuredNumbers();
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(ports.first, ports.last);
    if (!claimed.has(String(port)) && (await isFree(port))) found.add(port);
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

/** As many subnets of 256 addresses as asked for that neither a Docker network nor another test project overlaps. */
export async function freeSubnets(count: number): Promise<string[]> {
  const names = (await dockerOutput(["network", "ls", "--quiet"])).trim().split("\n");
  const format = "{{range .IPAM.Config}}{{println .Subnet}}{{end}}";
  const taken = (await dockerOutput(["network", "inspect", "--format", format, ...names])).split(/\s+/);
  const claimed = configuredNumbers();
  const found = new Set<string>();
  while (found.size < count) {
    const subnet = `10.213.${randomInt(256)}.0/24`;
    if (claimed.has(subnet)) continue;
    const isTaken = taken.some((other) => other.includes(".") && subnetsOverlap(other, subnet));
    if (!isTaken) found.add(subnet);
  }
  return [...found];
}

/** Every port and subnet in the config of a test project, whether its stacks are up or still to come. */
function configuredNumbers(): Set<string> {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(folderStart));
  const texts = folders.flatMap((folder) => configFiles(join(tmpdir(), folder)));
  return new Set(texts.flatMap((text) => text.match(/\d+(?:\.\d+\.\d+\.\d+\/\d+)?/g) ?? []));
}

function configFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => /^Pulumi\..+\.yaml$/.test(name));
    return names.map((name) => readFileSync(join(folder, name), "utf8"));
  } catch {
    // Another run has removed it since.
    return [];
  }
}
