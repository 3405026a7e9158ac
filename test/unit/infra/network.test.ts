import ipaddr from "ipaddr.js";
import { expect, test } from "vitest";
import { hostAddress, hostUrl, planNetwork, subnetsOverlap } from "../../../infra/lib/docker/network.ts";

test.each([
  ["172.22.0.0/16", "172.22.0.1", "172.22.128.0/17", "172.22.0.10"],
  ["192.168.1.64/26", "192.168.1.65", "192.168.1.96/27", "192.168.1.74"],
  ["172.16.0.0/12", "172.16.0.1", "172.24.0.0/13", "172.16.0.10"],
  // The highest bit set: a signed number would turn the address around.
  ["192.168.0.0/25", "192.168.0.1", "192.168.0.64/26", "192.168.0.10"],
])("%s: gateway %s, Docker's range %s, which has no fixed host such as %s", (subnet, gateway, ipRange, tenth) => {
  const plan = planNetwork(subnet);
  expect({ ...plan, host: plan.host(10) }).toEqual({ subnet, gateway, ipRange, host: tenth });
  for (const address of [gateway, plan.host(2), plan.host(30)].map((text) => ipaddr.IPv4.parse(text))) {
    expect(address.match(ipaddr.IPv4.parseCIDR(subnet))).toBe(true);
    expect(address.match(ipaddr.IPv4.parseCIDR(ipRange))).toBe(false);
  }
});

test.each([
  ["172.22.0.0/16", "172.22.255.0/24", true],
  ["172.16.0.0/12", "172.22.0.0/16", true],
  ["172.22.0.0/16", "172.23.0.0/16", false],
  ["10.0.0.0/25", "10.0.0.128/25", false],
  ["0.0.0.0/0", "10.0.0.0/24", true],
])("%s and %s overlap: %s", (first, second, expected) => {
  expect(subnetsOverlap(first, second)).toBe(expected);
  expect(subnetsOverlap(second, first)).toBe(expected);
});

test.each([
  ["0.0.0.0", "127.0.0.1", "http://127.0.0.1:80"],
  ["::", "::1", "http://[::1]:80"],
  ["192.168.1.9", "192.168.1.9", "http://192.168.1.9:80"],
  ["fd00::2", "fd00::2", "http://[fd00::2]:80"],
])("what is published on %s is reached at %s, %s", (bindAddress, address, url) => {
  expect(hostAddress(bindAddress)).toBe(address);
  expect(hostUrl(bindAddress, 80)).toBe(url);
});
