import { describe, expect, test } from "vitest";
import { chooseSubnets, freeSubnet, hostRoutes } from "../../../infra/lib/docker/subnets.ts";
import { fakeDocker } from "../../support/fake-docker.ts";
import { temporaryFiles } from "../../support/temporary.ts";

describe("the subnets of a stack", () => {
  const engine = (networks: Readonly<Record<string, string>>) => {
    const list = Object.entries(networks).map(([Name, Subnet]) => ({ Name, IPAM: { Config: [{ Subnet }] } }));
    fakeDocker({ "GET /networks": { stdout: JSON.stringify(list) } });
  };
  const staging = (isGiven = false) => ({
    subnet: { name: "staging-network", subnet: "172.22.0.0/16", isGiven },
    internalSubnet: { name: "staging-internal", subnet: "172.23.0.0/24", isGiven: false },
  });
  const usual = { subnet: "172.22.0.0/16", internalSubnet: "172.23.0.0/24" };
  const letta = { "letta-network": "172.22.0.0/16", "letta-internal": "172.23.0.0/24" };

  test("are the default ones where nothing else has them", async () => {
    engine({ bridge: "172.17.0.0/16" });
    expect(await chooseSubnets(staging(), [])).toEqual(usual);
  });

  test("are others next to another stack, which do not overlap each other", async () => {
    engine(letta);
    expect(await chooseSubnets(staging(), [])).toEqual({ subnet: "172.24.0.0/16", internalSubnet: "172.25.0.0/24" });
  });

  test("stay as they are once the networks exist", async () => {
    const own = { "staging-network": "172.30.0.0/16", "staging-internal": "172.31.7.0/24" };
    engine({ ...letta, ...own });
    expect(await chooseSubnets(staging(), ["172.30.0.0/16"])).toEqual({
      subnet: "172.30.0.0/16",
      internalSubnet: "172.31.7.0/24",
    });
  });

  test("are the config's, taken or not: preflight refuses those", async () => {
    engine(letta);
    expect(await chooseSubnets(staging(true), [])).toMatchObject({ subnet: "172.22.0.0/16" });
  });

  test("keep clear of this host's routes", async () => {
    engine({});
    expect(await chooseSubnets(staging(), ["172.16.0.0/12"])).toEqual({
      subnet: "10.128.0.0/16",
      internalSubnet: "10.129.0.0/24",
    });
  });
});

test.each([
  ["172.20.0.0/16", [], "172.20.0.0/16"],
  ["172.20.0.0/16", ["172.20.5.0/24", "172.24.0.0/15"], "172.26.0.0/16"],
  ["172.23.0.0/24", ["172.16.0.0/12", "10.0.0.0/8"], "192.168.0.0/24"],
  // No pool is large enough: preflight says what is in the way.
  ["172.16.0.0/12", ["172.16.0.0/12", "10.0.0.0/8"], "172.16.0.0/12"],
])("instead of %s, with %j taken: %s", (subnet, taken, expected) => {
  expect(freeSubnet(subnet, taken)).toBe(expected);
});

test("the host's routes are those of its networks and VPNs, without Docker's and without default ones", () => {
  const row = (device: string, destination: string, mask: string) =>
    [device, destination, "00000000", "0001", 0, 0, 0, mask, 0, 0, 0].join("\t");
  const table = [
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
    row("eth0", "00000000", "00000000"),
    row("eth0", "0002A8C0", "00FFFFFF"),
    row("docker0", "000011AC", "0000FFFF"),
    row("br-0123456789ab", "000016AC", "0000FFFF"),
    row("tun0", "00000080", "00000080"),
    row("tun0", "000010AC", "0000F0FF"),
  ];
  const folder = temporaryFiles({ route: `${table.join("\n")}\n` });
  expect(hostRoutes(`${folder}/route`)).toEqual(["192.168.2.0/24", "172.16.0.0/12"]);
  expect(hostRoutes(`${folder}/nothing`)).toEqual([]);
});
