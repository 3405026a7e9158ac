import { homedir } from "node:os";
import { describe, expect, test } from "vitest";
import type { RawConfig } from "../../../infra/config/read.ts";
import { parseThothConfig } from "../../../infra/config/thoth.ts";
import { UserError } from "../../../infra/lib/errors.ts";
import { withEnvironment } from "../../support/temporary.ts";

const parse = (raw: RawConfig) => parseThothConfig(raw, "thoth", "/srv/checkout");

function refusal(raw: RawConfig): string {
  try {
    parse(raw);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("the config was accepted");
}

test("an empty file is complete", () => {
  expect(parse({ user: "1000:1000" })).toEqual({
    kind: "thoth",
    prefix: "thoth",
    lettaStack: "letta",
    project: "thoth",
    release: "latest",
    bindAddress: "127.0.0.1",
    ports: { api: 8080, mcp: 8081 },
    subnet: "172.20.0.0/16",
    vault: "/srv/checkout/vault",
    user: "1000:1000",
    env: {},
    secretEnv: {},
    roles: {
      api: { memoryMiB: 512, processes: 256 },
      mcp: { memoryMiB: 512, processes: 256 },
      discovery: { memoryMiB: 512, processes: 256 },
      monitor: { memoryMiB: 512, processes: 256 },
    },
  });
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

test("without an env file there is none", () => {
  expect(parse({})).not.toHaveProperty("envFile");
});

describe("runs as", () => {
  test("whom the config names", () => {
    withEnvironment({ SUDO_UID: "1001", SUDO_GID: "1002" });
    expect(parse({ user: "33:44" }).user).toBe("33:44");
  });

  test("the person who runs Pulumi", () => {
    withEnvironment({ SUDO_UID: undefined, SUDO_GID: undefined });
    expect(parse({}).user).toBe(`${process.getuid?.()}:${process.getgid?.()}`);
  });

  test("the person behind sudo", () => {
    withEnvironment({ SUDO_UID: "1001", SUDO_GID: "1002" });
    expect(parse({}).user).toBe("1001:1002");
  });
});

describe("refuses", () => {
  test.each<[string, RawConfig, string]>([
    ["an unknown key", { volt: "x" }, "thoth-letta:volt: no such key"],
    ["a repository without a name", { repository: "" }, "thoth-letta:repository: "],
    ["a release without a name", { release: "" }, "thoth-letta:release: "],
    ["one digest for four images", { release: `sha256:${"c".repeat(64)}` }, "thoth-letta:release: "],
    ["a user's name", { user: "reader" }, 'thoth-letta:user: must be "uid:gid" in numbers'],
    ["a user without a group", { user: "1000" }, 'thoth-letta:user: must be "uid:gid" in numbers'],
    ["no vault", { vault: "" }, "thoth-letta:vault: "],
    ["a letta stack without a name", { lettaStack: "" }, "thoth-letta:lettaStack: "],
    ["a project without a name", { project: "" }, "thoth-letta:project: "],
    ["one port for both", { ports: { api: 8081 } }, "thoth-letta:ports: names port 8081 twice"],
    ["an unknown role", { roles: { cook: {} } }, "thoth-letta:roles.cook: no such key"],
    ["an unknown key of a role", { roles: { api: { cpu: 1 } } }, "thoth-letta:roles.api.cpu: no such key"],
    ["an empty command", { roles: { api: { command: [] } } }, "thoth-letta:roles.api.command: "],
    ["an empty word in a command", { roles: { api: { command: [""] } } }, "thoth-letta:roles.api.command[0]: "],
    ["a health check without a command", { roles: { mcp: { health: ["CMD"] } } }, "thoth-letta:roles.mcp.health: "],
    ["a role's port that is none", { roles: { mcp: { port: 0 } } }, "thoth-letta:roles.mcp.port: must be 1-65535"],
    ["too little memory", { roles: { api: { memoryMiB: 8 } } }, "roles.api.memoryMiB: must be at least 64 MiB"],
    ["a subnet too small", { subnet: "10.0.0.0/29" }, "thoth-letta:subnet: must be between /12 and /26"],
    ["a list as a variable", { env: { A: [] } }, "thoth-letta:env.A: must be text, a number or true/false"],
  ])("%s", (_, raw, expected) => {
    const message = refusal(raw);
    expect(message).toContain(expected);
    expect(message).toMatch(/^1 mistake in Pulumi\.thoth\.yaml:\n/);
  });
});
