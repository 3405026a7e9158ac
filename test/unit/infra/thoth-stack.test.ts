import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { ThothExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { thothGraph as anyThothGraph, inventory, lettaOutputs, uploaded } from "../../support/stack-graphs.ts";
import { temporaryFiles } from "../../support/temporary.ts";

/** A container per role; thoth-all-in-one.test.ts is about the other shape. */

const roles = ["api", "mcp", "discovery", "monitor"];
const thothGraph = (raw = {}, isPreview = false) => anyThothGraph({ shape: "roles", ...raw }, isPreview);
let graph: Graph<ThothExports>;
beforeAll(async () => {
  graph = await thothGraph({ vault: "/home/reader/vault" });
});

test("is exactly these resources", () => {
  expect(inventory(graph)).toEqual({
    "docker:index/container:Container":
      "api-container discovery-container letta-proxy-container mcp-container monitor-container",
    "docker:index/network:Network": "network",
    "pulumi-nodejs:dynamic/thoth-letta:letta-probe": "letta-works",
    "pulumi-nodejs:dynamic/thoth-letta:mcp-registration": "mcp-registration",
    "pulumi-nodejs:dynamic/thoth-letta:other-shape": "other-shape",
    "pulumi-nodejs:dynamic/thoth-letta:readiness":
      "api-ready discovery-ready letta-proxy-ready mcp-ready monitor-ready",
    "pulumi-nodejs:dynamic/thoth-letta:vault-folder": "vault",
    "random:index/randomPassword:RandomPassword": "mcp-token",
    "thoth-letta:service:Service": "api discovery letta-proxy mcp monitor",
  });
});

test("nothing is protected: the stack can be thrown away at any time", () => {
  expect(graph.resources.filter(({ options }) => options.protect || options.retainOnDelete)).toEqual([]);
});

test("its network has a fixed subnet", () => {
  const { name, ipamConfigs } = graph.resource("network").inputs;
  expect([name, ipamConfigs]).toMatchObject(["thoth-network", [{ subnet: "172.20.0.0/16" }]]);
});

test.each(roles)("%s is on both networks, has the vault as its owner, and only reads Letta's data", (role) => {
  const { networksAdvanced, mounts, user } = graph.resource(`${role}-container`).inputs;
  expect(networksAdvanced).toEqual([
    { name: "id-of-network", aliases: [role] },
    { name: "letta-network-id", aliases: [`thoth-${role}`] },
  ]);
  expect(mounts).toEqual([
    { type: "bind", source: "/home/reader/vault", target: "/vault" },
    { type: "volume", source: "letta-data", target: "/letta-data", readOnly: true },
  ]);
  expect(user).toBe("1000:1000");
});

test("only api and mcp are published", () => {
  expect(roles.map((role) => graph.resource(`${role}-container`).inputs.ports)).toEqual([
    [{ internal: 8000, external: 8080, ip: "127.0.0.1" }],
    [{ internal: 8001, external: 8081, ip: "127.0.0.1" }],
    ...[[], []],
  ]);
});

test("the vault belongs to whom Thoth runs as, and Letta gets the MCP server's name on the shared network", () => {
  expect(graph.resource("vault").inputs).toMatchObject({ path: "/home/reader/vault", owner: "1000:1000" });
  expect(graph.resource("mcp-registration").inputs).toMatchObject({
    ...{ serverName: "thoth", mcpUrl: "http://thoth-mcp:8001/mcp" },
    ...{ lettaUrl: lettaOutputs.urls.gateway, token: "plain-mcp-token" },
  });
});

test("roles start after the vault is there and Letta was seen to work; only api waits for Letta to read the tools", () => {
  for (const role of roles) {
    expect(graph.waitsFor(`${role}-container`)).toEqual(
      expect.arrayContaining(["vault", "letta-works", "letta-proxy-ready"]),
    );
  }
  const waiting = roles.filter((role) => graph.waitsFor(`${role}-container`).includes("mcp-registration"));
  expect(waiting).toEqual(["api"]);
  expect(graph.waitsFor("mcp-registration")).toContain("mcp-ready");
});

test("the real discovery and monitor wait for the MCP server, which makes the tables that they read", async () => {
  const real = await thothGraph({ repository: "example.org/thoth" });
  for (const role of ["discovery", "monitor"]) {
    expect(real.waitsFor(`${role}-container`)).toContain("mcp-ready");
    expect(graph.waitsFor(`${role}-container`)).not.toContain("mcp-ready");
  }
});

test("the gate asks Letta again when a role's program or the environment changes", async () => {
  const triggerOf = async (raw = {}) => (await thothGraph(raw)).resource("letta-works").inputs.trigger;
  const before = await triggerOf();
  expect(await triggerOf()).toBe(before);
  expect(await triggerOf({ env: { THOTH_LOG_LEVEL: "debug" } })).not.toBe(before);
  expect(await triggerOf({ repository: "example.org/thoth" })).not.toBe(before);
});

test("exports no secret", () => {
  expect(graph.exports).toEqual({
    healthUrls: { api: "http://127.0.0.1:8080/health", mcp: "http://127.0.0.1:8081/health" },
    urls: { api: "http://127.0.0.1:8080", mcp: "http://127.0.0.1:8081" },
    containers: ["thoth-letta-proxy", "thoth-api", "thoth-mcp", "thoth-discovery", "thoth-monitor"],
    roles: Object.fromEntries(roles.map((role) => [role, `thoth-${role}`])),
    vault: "/home/reader/vault",
    isMultiUser: false,
    isStandIn: true,
  });
});

describe("the operator's own variables", () => {
  const secretsOf = (role: string, recorded: Graph<ThothExports>) => uploaded(recorded, role, "/secrets.env");

  const withFile = (text: string, raw = {}) => {
    const folder = temporaryFiles({ ".env": text });
    return thothGraph({ envFile: `${folder}/.env`, ...raw });
  };

  test("of the env file reach every role as secrets, under both names of a key", async () => {
    const recorded = await withFile('OPENROUTER_API_KEY="plain-key"\nOTHER=1\n');
    for (const role of roles) {
      for (const name of ["OPENROUTER_API_KEY", "API_OPENROUTER_KEY"]) {
        expect(secretsOf(role, recorded)).toContain(`${name}='plain-key'\n`);
      }
      expect(JSON.stringify(recorded.resource(`${role}-container`).storedInputs)).not.toContain("plain-key");
    }
  });

  test("of the config win over the env file's", async () => {
    const both = await withFile("MISTRAL_API_KEY=from-file\n", { secretEnv: { MISTRAL_API_KEY: "from-config" } });
    expect(secretsOf("api", both)).toContain("MISTRAL_API_KEY='from-config'\n");
    expect(secretsOf("api", both)).not.toContain("from-file");
  });

  test("in the env file that cannot count are told, without their values", async () => {
    const warn = vi.spyOn(pulumi.log, "warn").mockResolvedValue();
    await withFile("GOOD=1\nMY-KEY=plain-key\nNAME\n");
    const [[said] = []] = warn.mock.calls;
    expect(said).toMatch(/^envFile .*: ignored line 3, which is not NAME=value; MY-KEY, which is not a variable name$/);
  });

  test("in a missing env file are an error that says how to fix it", async () => {
    await expect(thothGraph({ envFile: "/nowhere/.env" })).rejects.toThrow(
      /envFile \/nowhere\/\.env cannot be read: ENOENT.*\n {2}fix: pulumi config set envFile PATH/,
    );
  });
});

test("vaults turns multi-user mode on: Thoth makes a vault for each user there, and watches all of them", async () => {
  const shared = await thothGraph({ vaults: "/srv/vaults", repository: "example.org/thoth" });
  expect(shared.exports.isMultiUser).toBe(true);
  expect(shared.resource("vaults").inputs).toMatchObject({ path: "/srv/vaults", folders: ["."] });
  const { envs, mounts, command } = shared.resource("monitor-container").inputs;
  expect(envs).toEqual(expect.arrayContaining(["THOTH_MULTI_USER=true", "THOTH_VAULTS_ROOT=/vaults"]));
  expect(mounts).toContainEqual({ type: "bind", source: "/srv/vaults", target: "/vaults" });
  expect(command).toEqual(expect.arrayContaining(["--watch-dir", "/vaults"]));
});

test("a first preview, in which no id is known yet, runs to its end", async () => {
  expect(inventory(await thothGraph({}, true))).toEqual(inventory(graph));
});

test("uses Letta through the proxy, under all five names", () => {
  const envs = graph.resource("monitor-container").inputs.envs as string[];
  expect(envs.filter((line) => line.endsWith("=http://letta-proxy:8284"))).toHaveLength(5);
});

describe("the proxy to Letta", () => {
  const listen = async (raw = {}) => uploaded(await thothGraph(raw), "letta-proxy", "listen.conf") ?? "";

  test("adds the project's token, and listens to Thoth's network alone", async () => {
    expect(uploaded(graph, "letta-proxy", "token.conf")).toContain('"Bearer plain-token-of-thoth"');
    expect(await listen()).toMatch(
      /listen 172\.20\.0\.10:8284;\n {2}deny 172\.20\.0\.1;\n {2}allow 172\.20\.0\.0\/16;\n {2}deny all;/,
    );
    const { ports, networksAdvanced } = graph.resource("letta-proxy-container").inputs;
    expect(ports).toEqual([]);
    expect(networksAdvanced).toMatchObject([
      { name: "id-of-network", ipv4Address: "172.20.0.10" },
      { name: "letta-network-id" },
    ]);
  });

  test("with ports.letta, serves Obsidian on the host, but no other container of letta-network", async () => {
    expect(await listen({ ports: { letta: 8285 } })).toContain(
      "allow 172.22.0.1;\n  deny 172.22.0.0/16;\n  if ($is_obsidian",
    );
    const published = await thothGraph({ ports: { letta: 8285 } });
    expect(published.resource("letta-proxy-container").inputs.ports).toEqual([
      { internal: 8286, external: 8285, ip: "127.0.0.1" },
    ]);
  });
});

test("sources of the host are mounted to be read, and Thoth says more and loads again", async () => {
  const { resource } = await thothGraph({ source: "/home/me/thoth/src" });
  const { mounts, envs } = resource("api-container").inputs;
  const target = "/opt/thoth/src";
  expect(mounts).toContainEqual({ type: "bind", source: "/home/me/thoth/src", target, readOnly: true });
  expect(envs).toEqual(expect.arrayContaining(["THOTH_HOT_RELOAD=1", "THOTH_LOG_LEVEL=DEBUG"]));
});
