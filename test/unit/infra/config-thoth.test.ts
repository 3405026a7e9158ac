import { homedir } from "node:os";
import { describe, expect, test } from "vitest";
import type { RawConfig } from "../../../infra/config/read.ts";
import { parseThothConfig } from "../../../infra/config/thoth.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { thothRoles } from "../../../infra/lib/names.ts";
import { withEnvironment } from "../../support/temporary.ts";

const parse = (raw: RawConfig) => parseThothConfig(raw, "thoth", "/srv/checkout");

test("an empty file is complete, with everything on this host alone", () => {
  expect(parse({})).toMatchObject({
    ...{ kind: "thoth", prefix: "thoth", lettaStack: "letta", project: "thoth", release: "alpha" },
    ...{ bindAddress: "127.0.0.1", ports: { api: 8080, mcp: 8081 }, subnet: "172.20.0.0/16" },
    vault: "/srv/checkout/vault",
  });
  expect(parse({})).not.toHaveProperty("envFile");
});

describe.each(["vault", "envFile"] as const)("%s", (key) => {
  test.each([
    ["papers", "/srv/checkout/papers"],
    ["../beside", "/srv/beside"],
    ["/data/papers/", "/data/papers"],
    ["~", homedir()],
    ["~/papers", `${homedir()}/papers`],
    ["~user/papers", "/srv/checkout/~user/papers"],
    ["a/~/b", "/srv/checkout/a/~/b"],
  ])("%s is %s", (given, expected) => {
    expect(parse({ [key]: given })[key]).toBe(expected);
  });
});

test("runs as whom the config names, or the person behind sudo, or the person who runs Pulumi", () => {
  withEnvironment({ SUDO_UID: "1001", SUDO_GID: "1002" });
  expect(parse({ user: "33:44" }).user).toBe("33:44");
  expect(parse({}).user).toBe("1001:1002");
  withEnvironment({ SUDO_UID: undefined, SUDO_GID: undefined });
  expect(parse({}).user).toBe(`${process.getuid?.()}:${process.getgid?.()}`);
});

const imageOfEach = (image?: string) => Object.fromEntries(thothRoles.map((role) => [role, { image }]));

test.each<[string, RawConfig, string]>([
  ["the stand-in", {}, "all-in-one"],
  ["one image", { image: "my-thoth:1" }, "all-in-one"],
  ["one image, named for each role", { roles: imageOfEach("my-thoth:1") }, "all-in-one"],
  [
    "one image, with a further role",
    { image: "my-thoth:1", roles: { dashboard: { command: ["thoth", "dashboard"] } } },
    "all-in-one",
  ],
  ["an image a role", { repository: "example.org/thoth" }, "roles"],
  ["one image in place of a repository's", { repository: "example.org/thoth", roles: imageOfEach("i") }, "all-in-one"],
  ["one role with another image", { roles: { mcp: { image: "my-mcp:1" } } }, "roles"],
  ["the configured one", { shape: "roles" }, "roles"],
])("with %s, %j has the shape %s", (_, raw, shape) => {
  expect(parse(raw).shape).toBe(shape);
});

const several = "shape: is all-in-one, but the roles run several images: name one for all with `image`";
const sameRole = { image: "i", roles: { cook: { command: ["c"], port: 8001 } } };
test.each<[RawConfig, string]>([
  [{ shape: "one" }, "shape: "],
  [{ shape: "all-in-one", repository: "example.org/thoth" }, several],
  [{ shape: "all-in-one", roles: { mcp: { image: "my-mcp:1" } } }, several],
  [{ shape: "all-in-one", ...sameRole }, "roles: name port 8001 twice, in one container"],
  [sameRole, "roles: name port 8001 twice, in one container"],
  [{ image: "i", repository: "example.org/thoth" }, "image: does not go with repository"],
  [{ roles: { "all-in-one": { image: "i", command: ["c"] } } }, "roles.all-in-one: cannot be the name of a role"],
  [{ roles: { cook: { command: ["c"] } } }, "roles.cook: needs image and command"],
  [{ volt: "x" }, "volt: no such key"],
  [{ repository: "" }, "repository: "],
  [{ release: "" }, "release: "],
  // One digest for four images
  [{ release: `sha256:${"c".repeat(64)}` }, "release: "],
  [{ user: "reader" }, 'user: must be "uid:gid" in numbers'],
  [{ user: "1000" }, 'user: must be "uid:gid" in numbers'],
  [{ vault: "" }, "vault: "],
  [{ lettaStack: "" }, "lettaStack: "],
  [{ project: "" }, "project: "],
  [{ ports: { api: 8081 } }, "ports: names port 8081 twice"],
  [{ release: "v0.5.3-alpha" }, "release: must be the tag of an image, which has no v"],
  [{ roles: { cook: {} } }, "roles.cook: needs image and command: only api, mcp, discovery, monitor have defaults"],
  [{ roles: { "letta-proxy": { image: "i", command: ["c"] } } }, "roles.letta-proxy: cannot be the name of a role"],
  [{ roles: { api: { command: [] } } }, "roles.api.command: "],
  [{ roles: { api: { command: [""] } } }, "roles.api.command[0]: "],
  [{ roles: { mcp: { health: ["CMD"] } } }, "roles.mcp.health: "],
  [{ roles: { mcp: { port: 0 } } }, "roles.mcp.port: must be 1-65535"],
  [{ roles: { mcp: { healt: ["CMD", "true"] } } }, "roles.mcp.healt: no such key"],
  [{ vaults: "v", ports: { letta: 8285 } }, "ports.letta: does not go with vaults"],
  [{ ports: { letta: 8080 } }, "ports: names port 8080 twice"],
  [{ roles: { api: { memoryMiB: 8 } } }, "roles.api.memoryMiB: must be at least 64 MiB"],
])("refuses %j", (raw, expected) => {
  expect(() => parse(raw)).toThrow(UserError);
  expect(() => parse(raw)).toThrow(`1 mistake in Pulumi.thoth.yaml:\n  - thoth-letta:${expected}`);
});

test.each<[string, RawConfig]>([
  ["ports.letta", { vaults: "v", ports: { letta: 8285 } }],
  ["image", { image: "i", repository: "example.org/thoth" }],
])("%s conflicts with another key, and the fix removes it", (key, raw) => {
  expect(() => parse(raw)).toThrow(`\n    fix: pulumi config rm --path 'thoth-letta:${key}' -s thoth`);
});

describe("with the engine on another host", () => {
  test("the vault and its owner are that host's", () => {
    withEnvironment({ DOCKER_HOST: "ssh://server" });
    expect(parse({ vault: "/srv/vault", user: "1000:1000" })).toMatchObject({ vault: "/srv/vault" });
  });

  test.each<[RawConfig, string]>([
    [{ user: "1000:1000" }, "thoth-letta:vault: must be an absolute path on the engine's host, ssh://server"],
    [{ user: "1000:1000", vault: "/v", vaults: "~/vaults" }, "thoth-letta:vaults: must be an absolute path"],
    [{ vault: "/srv/vault" }, "thoth-letta:user: must say who owns the vault on ssh://server"],
    [{ vault: "/v", user: "1:1", source: "/src" }, "thoth-letta:source: is a folder of this host"],
  ])("%j is refused", (raw, message) => {
    withEnvironment({ DOCKER_HOST: "ssh://server" });
    expect(() => parse(raw)).toThrow(message);
  });
});
