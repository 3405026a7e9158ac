import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkHost, type HostClaims } from "../../../infra/lib/docker/preflight.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { engineDown } from "../../support/container-state.ts";
import { fakeDocker } from "../../support/fake-docker.ts";
import { withEnvironment } from "../../support/temporary.ts";

async function listen() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

/** A real port on loopback that something holds until the test ends. */
async function takenPort(): Promise<number> {
  const { server, port } = await listen();
  onTestFinished(() => void server.close());
  return port;
}

/** A real port on loopback that was free a moment ago. */
async function freePort(): Promise<number> {
  const { server, port } = await listen();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const network = (Name: string, ...subnets: (string | undefined)[]) => ({
  Name,
  IPAM: { Config: subnets.length === 0 ? null : subnets.map((Subnet) => ({ Subnet })) },
});
const bridge = network("bridge", "172.17.0.0/16");

interface InTheWay {
  readonly networks?: unknown[];
  /** Name -> its prefix and image, and the port it publishes. */
  readonly containers?: Readonly<Record<string, { prefix?: string; image?: string; port?: number; state?: string }>>;
}

/** An engine on which nothing is in the way but what is given. */
function engine({ networks = [], containers = {} }: InTheWay = {}) {
  const listed = Object.entries(containers).map(([name, { prefix, image = "other:1", port, state = "running" }]) => ({
    Names: [`/${name}`],
    Image: image,
    State: state,
    Labels: prefix === undefined ? {} : { "thoth-letta.prefix": prefix },
    Ports: port === undefined ? [{}] : [{ PublicPort: port }],
  }));
  return fakeDocker({
    "GET /containers/json": { stdout: JSON.stringify(listed) },
    "GET /networks": { stdout: JSON.stringify([bridge, network("none"), ...networks]) },
  });
}

const claims = (changes: Partial<HostClaims> = {}): HostClaims => ({
  stack: "letta",
  prefix: "letta",
  bindAddress: "127.0.0.1",
  ports: {},
  networks: [{ key: "subnet", name: "letta-network", subnet: "172.22.0.0/16" }],
  containers: ["letta-postgres", "letta-server"],
  ...changes,
});

test("a host without conflicts is fine", async () => {
  const docker = engine();
  await expect(checkHost(claims({ ports: { "ports.gateway": await freePort() } }))).resolves.toBeUndefined();
  expect(docker.calls().sort()).toEqual(["GET /containers/json", "GET /networks"]);
});

test("without an engine that is said", async () => {
  fakeDocker({ GET: engineDown });
  await expect(checkHost(claims())).rejects.toThrow("the Docker engine does not answer");
});

describe("a taken port", () => {
  type Holders = Record<string, { prefix?: string }>;

  test("is fine when a container of the stack, which ends again and again, may have it", async () => {
    const port = await takenPort();
    engine({ containers: { "letta-server": { prefix: "letta", state: "restarting" } } });
    await expect(checkHost(claims({ ports: { "ports.server": port } }))).resolves.toBeUndefined();
    engine({ containers: { other: { state: "restarting" } } });
    await expect(checkHost(claims({ ports: { "ports.server": port } }))).rejects.toThrow(
      "another process on this host",
    );
  });

  const onPort = (port: number, holders: Holders) =>
    Object.fromEntries(Object.entries(holders).map(([name, holder]) => [name, { ...holder, port }]));

  test.each([
    ["another's container", { "other-postgres": {} }, "container other-postgres: stop it, or choose another port"],
    ["another stack's container", { "try-postgres": { prefix: "try" } }, "container try-postgres"],
    ["no container", {}, "another process on this host"],
  ])("is refused when %s has it", async (_, holders, holder) => {
    const port = await takenPort();
    engine({ containers: onPort(port, holders) });
    const checked = checkHost(claims({ ports: { "ports.postgres": port } }));
    await expect(checked).rejects.toThrow(`port ${port} (ports.postgres) is taken by ${holder}`);
    const fix = "\n  fix: pulumi config set --path 'thoth-letta:ports.postgres' PORT -s letta";
    await expect(checked).rejects.toThrow(fix);
  });

  test("is refused when a Letta of Letta's own image has it, which can be taken over", async () => {
    const port = await takenPort();
    engine({ containers: { letta: { image: "letta/letta:latest", port } } });
    const checked = checkHost(claims({ ports: { "ports.server": port } }));
    await expect(checked).rejects.toThrow(
      /taken by container letta, an older installation of Letta\n {2}fix: make adopt/,
    );
  });

  test("is that of an engine on another host, whatever has the port here", async () => {
    const port = await takenPort();
    withEnvironment({ THOTH_LETTA_REMOTE_ENGINE: "ssh://server" });
    engine({});
    const claimed = claims({ bindAddress: "192.0.2.1", ports: { "ports.postgres": port } });
    await expect(checkHost(claimed)).resolves.toBeUndefined();
    engine({ containers: onPort(port, { "other-postgres": {} }) });
    await expect(checkHost(claimed)).rejects.toThrow(
      `port ${port} (ports.postgres) is taken by container other-postgres`,
    );
  });

  test.each<[string, Holders, Partial<HostClaims>]>([
    ["the stack itself has it", { "letta-postgres": { prefix: "letta" } }, {}],
    ["the stack has it as well", { other: {}, "letta-postgres": { prefix: "letta" } }, {}],
    ["it is one of IPv4, and Docker publishes those of IPv6 separately", {}, { bindAddress: "::" }],
  ])("is fine when %s", async (_, holders, changes) => {
    const port = await takenPort();
    engine({ containers: onPort(port, holders) });
    const ports = { "ports.postgres": port };
    await expect(checkHost(claims({ ports, ...changes }))).resolves.toBeUndefined();
  });
});

test("an address that this host does not have is reported once, however many ports there are", async () => {
  engine();
  const ports = { "ports.postgres": await freePort(), "ports.gateway": await freePort() };
  // Of a range for documentation, which no host has.
  await expect(checkHost(claims({ bindAddress: "192.0.2.1", ports }))).rejects.toThrow(
    new UserError("192.0.2.1 is not an address of this host\n  fix: pulumi config set bindAddress 127.0.0.1 -s letta"),
  );
});

test.each([
  ["compose_default", ["172.22.5.0/24"]],
  ["both", ["fd00::/64", "172.22.0.0/24"]],
])("a subnet that overlaps one of network %s is refused, and a free one is offered", async (name, subnets) => {
  engine({ networks: [network(name, ...subnets)] });
  const problem = `subnet 172.22.0.0/16 overlaps with Docker network ${name}`;
  const fix = "pulumi config set subnet 172.24.0.0/16 -s letta";
  await expect(checkHost(claims())).rejects.toThrow(new UserError(`${problem}\n  fix: ${fix}`));
});

test("a container of the name that is not this stack's is refused, with a command that keeps it", async () => {
  engine({ containers: { "letta-postgres": {} } });
  await expect(checkHost(claims())).rejects.toThrow(
    new UserError(
      "container letta-postgres exists and is not this stack's\n" +
        "  fix: make adopt, which takes an older installation over and keeps it; any other: docker rename letta-postgres letta-postgres-old",
    ),
  );
});

test("compose's network of the name is refused before the engine refuses a second one", async () => {
  const compose = { ...network("letta-network", "172.22.0.0/16"), Labels: { "com.docker.compose.project": "thoth" } };
  engine({ networks: [compose] });
  await expect(checkHost(claims())).rejects.toThrow(
    new UserError(
      "network letta-network exists and is compose project thoth's\n  fix: make adopt, which takes an older installation over",
    ),
  );
});

test("the stack's own network and containers are fine, and networks of IPv6 or without addresses", async () => {
  engine({
    networks: [network("letta-network", "172.22.0.0/16"), network("six", "fd00::/64", undefined)],
    containers: { "letta-postgres": { prefix: "letta" } },
  });
  await expect(checkHost(claims())).resolves.toBeUndefined();
});

test("all conflicts come in one message", async () => {
  const networks = [network("compose_default", "172.22.0.0/16")];
  engine({ networks, containers: { "letta-server": {} } });
  const port = await takenPort();
  await expect(checkHost(claims({ ports: { "ports.gateway": port } }))).rejects.toThrow(
    new RegExp(`^port ${port} .*\\n.*\\nsubnet 172.22.0.0/16 .*\\n.*\\ncontainer letta-server .*\\n.*$`),
  );
});
