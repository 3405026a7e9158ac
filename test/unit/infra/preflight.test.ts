import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkHost, type HostClaims } from "../../../infra/lib/docker/preflight.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { engineDown } from "../../support/container-state.ts";
import { type FakeAnswer, fakeDocker } from "../../support/fake-docker.ts";

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

/** An engine on which nothing is in the way but what is given. */
function engine(
  inTheWay: { networks?: unknown[]; publishers?: FakeAnswer; containers?: Record<string, FakeAnswer> } = {},
) {
  return fakeDocker({
    "version --format": { stdout: "28.0.0\n" },
    "network ls --quiet --no-trunc": { stdout: "id-1\nid-2\n" },
    "network inspect id-1 id-2": { stdout: JSON.stringify([bridge, network("none"), ...(inTheWay.networks ?? [])]) },
    "ps --filter publish=": inTheWay.publishers ?? {},
    ...Object.fromEntries(
      Object.entries(inTheWay.containers ?? {}).map(([name, answer]) => [
        `container inspect --format {{index .Config.Labels "thoth-letta.prefix"}} ${name}`,
        answer,
      ]),
    ),
    "container inspect": { exitCode: 1, stderr: "Error: No such container\n" },
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
  expect(docker.calls().filter((call) => call.startsWith("container inspect"))).toHaveLength(2);
});

test("without an engine nothing else is asked", async () => {
  const docker = fakeDocker({ version: engineDown });
  await expect(checkHost(claims())).rejects.toThrow("the Docker engine does not answer");
  expect(docker.calls()).toHaveLength(1);
});

describe("a taken port", () => {
  test("is refused, naming the container that has it", async () => {
    const port = await takenPort();
    const docker = engine({ publishers: { stdout: "other-postgres\t\n" } });
    await expect(checkHost(claims({ ports: { "ports.postgres": port } }))).rejects.toThrow(
      new UserError(
        `port ${port} (ports.postgres) is taken by container other-postgres: stop it, or choose another port\n` +
          "  fix: pulumi config set --path 'thoth-letta:ports.postgres' PORT -s letta",
      ),
    );
    expect(docker.calls()).toContain(
      `ps --filter publish=${port} --format {{.Names}}\t{{.Label "thoth-letta.prefix"}}`,
    );
  });

  test.each([
    ["another stack's container", "try-postgres\ttry\n", "container try-postgres"],
    ["no container", "", "another process on this host"],
  ])("is refused when %s has it", async (_, stdout, holder) => {
    engine({ publishers: { stdout } });
    const ports = { "ports.gateway": await takenPort() };
    await expect(checkHost(claims({ ports }))).rejects.toThrow(`is taken by ${holder}`);
  });

  test("of IPv4 does not conflict with all IPv6 addresses, which Docker publishes separately", async () => {
    engine();
    const ports = { "ports.gateway": await takenPort() };
    await expect(checkHost(claims({ bindAddress: "::", ports }))).resolves.toBeUndefined();
  });

  test.each(["letta-postgres\tletta\n", "other\t\nletta-postgres\tletta\n"])(
    "is fine when the stack itself has it: %j",
    async (stdout) => {
      engine({ publishers: { stdout } });
      await expect(checkHost(claims({ ports: { "ports.postgres": await takenPort() } }))).resolves.toBeUndefined();
    },
  );
});

test("an address that this host does not have is reported once, however many ports there are", async () => {
  engine();
  const ports = { "ports.postgres": await freePort(), "ports.gateway": await freePort() };
  // Of a range for documentation, which no host has.
  await expect(checkHost(claims({ bindAddress: "192.0.2.1", ports }))).rejects.toThrow(
    new UserError("192.0.2.1 is not an address of this host\n  fix: pulumi config set bindAddress 127.0.0.1 -s letta"),
  );
});

describe("a subnet", () => {
  test("that overlaps another network's is refused", async () => {
    engine({ networks: [network("compose_default", "172.22.5.0/24")] });
    await expect(checkHost(claims())).rejects.toThrow(
      new UserError(
        "subnet 172.22.0.0/16 overlaps with Docker network compose_default\n" +
          "  fix: pulumi config set subnet 172.30.0.0/16 -s letta (or any free subnet)",
      ),
    );
  });

  test("next to the stack's own network and networks with IPv6 or without addresses is fine", async () => {
    engine({ networks: [network("letta-network", "172.22.0.0/16"), network("six", "fd00::/64", undefined)] });
    await expect(checkHost(claims())).resolves.toBeUndefined();
  });

  test("is compared with every subnet of a network", async () => {
    engine({ networks: [network("both", "fd00::/64", "172.22.0.0/24")] });
    await expect(checkHost(claims())).rejects.toThrow("overlaps with Docker network both");
  });
});

describe("a container of the name", () => {
  test("is refused when it is not this stack's, with a command that keeps it", async () => {
    engine({ containers: { "letta-postgres": { stdout: "\n" } } });
    await expect(checkHost(claims())).rejects.toThrow(
      new UserError(
        "container letta-postgres exists and is not this stack's; it may belong to an older installation\n" +
          "  fix: docker stop letta-postgres && docker rename letta-postgres letta-postgres-old",
      ),
    );
  });

  test("is fine when it is the stack's own", async () => {
    engine({ containers: { "letta-postgres": { stdout: "letta\n" } } });
    await expect(checkHost(claims())).resolves.toBeUndefined();
  });
});

test("all conflicts come in one message", async () => {
  engine({
    networks: [network("compose_default", "172.22.0.0/16")],
    containers: { "letta-server": { stdout: "\n" } },
  });
  const port = await takenPort();
  const message = await checkHost(claims({ ports: { "ports.gateway": port } })).catch((error: Error) => error.message);
  expect(message).toMatch(
    new RegExp(`^port ${port} .*\\n.*\\nsubnet 172.22.0.0/16 .*\\n.*\\ncontainer letta-server .*\\n.*$`),
  );
});
