import { createServer } from "node:net";
import { UserError } from "../errors.ts";
import { labels } from "../names.ts";
import { docker, dockerOutput } from "./engine.ts";
import { subnetsOverlap } from "./network.ts";

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
  await dockerOutput(["version", "--format", "{{.Server.Version}}"], { timeoutSeconds: 20 });
  const problems = (
    await Promise.all([
      ...Object.entries(claims.ports).map(([key, port]) => portProblem(key, port, claims)),
      ...claims.networks.map((network) => subnetProblem(network, claims)),
      ...claims.containers.map((name) => nameProblem(name, claims)),
    ])
  ).filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new UserError([...new Set(problems)].join("\n"));
}

async function portProblem(key: string, port: number, claims: HostClaims): Promise<string | undefined> {
  const code = await listenError(claims.bindAddress, port);
  if (code === undefined) return undefined;
  const fix = `\n  fix: pulumi config set --path 'thoth-letta:${key}' PORT -s ${claims.stack}`;
  if (code === "EADDRNOTAVAIL") {
    return `${claims.bindAddress} is not an address of this host\n  fix: pulumi config set bindAddress 127.0.0.1 -s ${claims.stack}`;
  }
  if (code === "EACCES") return `port ${port} (${key}) needs root${fix}`;
  const format = `{{.Names}}\t{{.Label "${labels.prefix}"}}`;
  const output = await dockerOutput(["ps", "--filter", `publish=${port}`, "--format", format]);
  // More than one if the port is published on several addresses.
  const holders = output.split("\n").map((line) => line.split("\t"));
  if (holders.some(([, prefix]) => prefix === claims.prefix)) return undefined;
  const who = holders[0]?.[0] ? `container ${holders[0][0]}` : "another process on this host";
  return `port ${port} (${key}) is taken by ${who}: stop it, or choose another port${fix}`;
}

/** The error code of listening on an address, or undefined when the port is free. */
function listenError(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(undefined)));
  });
}

async function subnetProblem(
  network: HostClaims["networks"][number],
  { networks: own, stack }: HostClaims,
): Promise<string | undefined> {
  const ids = (await dockerOutput(["network", "ls", "--quiet", "--no-trunc"])).trim().split("\n");
  const { stdout } = await docker(["network", "inspect", ...ids]);
  const networks = JSON.parse(stdout) as { Name: string; IPAM: { Config: { Subnet?: string }[] | null } }[];
  const isOther = (name: string) => own.every((one) => one.name !== name);
  const other = networks.find(
    ({ Name, IPAM }) =>
      isOther(Name) &&
      (IPAM.Config ?? []).some(({ Subnet }) => Subnet?.includes(".") && subnetsOverlap(Subnet, network.subnet)),
  );
  if (other === undefined) return undefined;
  return (
    `${network.key} ${network.subnet} overlaps with Docker network ${other.Name}` +
    `\n  fix: pulumi config set ${network.key} 172.30.0.0/16 -s ${stack} (or any free subnet)`
  );
}

async function nameProblem(name: string, { prefix }: HostClaims): Promise<string | undefined> {
  const format = `{{index .Config.Labels "${labels.prefix}"}}`;
  const result = await docker(["container", "inspect", "--format", format, name]);
  if (result.exitCode !== 0 || result.stdout.trim() === prefix) return undefined;
  return (
    `container ${name} exists and is not this stack's; it may belong to an older installation` +
    `\n  fix: docker stop ${name} && docker rename ${name} ${name}-old`
  );
}
