import { expect, test } from "vitest";
import { hostAddress, hostUrl } from "../../../infra/lib/docker/host.ts";

test.each([
  ["127.0.0.1", "127.0.0.1", "http://127.0.0.1:80"],
  ["0.0.0.0", "127.0.0.1", "http://127.0.0.1:80"],
  ["::", "::1", "http://[::1]:80"],
  ["192.168.1.9", "192.168.1.9", "http://192.168.1.9:80"],
  ["::1", "::1", "http://[::1]:80"],
  ["fd00::2", "fd00::2", "http://[fd00::2]:80"],
])("what is published on %s is reached at %s, %s", (bindAddress, address, url) => {
  expect(hostAddress(bindAddress)).toBe(address);
  expect(hostUrl(bindAddress, 80)).toBe(url);
});
