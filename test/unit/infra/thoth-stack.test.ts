import { beforeAll, describe, expect, test } from "vitest";
import type { ThothExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { lettaOutputs, thothGraph } from "../../support/stack-graphs.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const roles = ["api", "mcp", "discovery", "monitor"];
let graph: Graph<ThothExports>;
beforeAll(async () => {
  graph = await thothGraph({ vault: "/home/reader/vault" });
});

test("is exactly these resources", () => {
  expect(graph.resources.map(({ type, name }) => `${type} ${name}`).sort()).toEqual([
    "docker:index/container:Container api-container",
    "docker:index/container:Container discovery-container",
    "docker:index/container:Container mcp-container",
    "docker:index/container:Container monitor-container",
    "docker:index/network:Network network",
    "pulumi-nodejs:dynamic/thoth-letta:letta-probe letta-works",
    "pulumi-nodejs:dynamic/thoth-letta:mcp-registration mcp-registration",
    "pulumi-nodejs:dynamic/thoth-letta:readiness api-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness discovery-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness mcp-ready",
    "pulumi-nodejs:dynamic/thoth-letta:readiness monitor-ready",
    "pulumi-nodejs:dynamic/thoth-letta:vault-folder vault",
    "random:index/randomPassword:RandomPassword mcp-token",
    "thoth-letta:service:Service api",
    "thoth-letta:service:Service discovery",
    "thoth-letta:service:Service mcp",
    "thoth-letta:service:Service monitor",
  ]);
});

test("nothing is protected: the stack can be thrown away at any time", () => {
  expect(graph.resources.filter(({ options }) => options.protect || options.retainOnDelete)).toEqual([]);
});

test("its network has a fixed subnet, gateway and range", () => {
  expect(graph.resource("network").inputs).toEqual({
    name: "thoth-network",
    driver: "bridge",
    ipamConfigs: [{ subnet: "172.20.0.0/16", gateway: "172.20.0.1", ipRange: "172.20.128.0/17" }],
  });
});

test.each(roles)("%s is on Thoth's network and, by the id, on Letta's", (role) => {
  expect(graph.resource(`${role}-container`).inputs.networksAdvanced).toEqual([
    { name: "id-of-network", aliases: [role] },
    { name: "letta-network-id", aliases: [`thoth-${role}`] },
  ]);
});

test.each(roles)("%s has the vault, reads Letta's data and runs as the vault's owner", (role) => {
  const { inputs } = graph.resource(`${role}-container`);
  expect(inputs.mounts).toEqual([
    { type: "bind", source: "/home/reader/vault", target: "/vault" },
    { type: "volume", source: "letta-data", target: "/letta-data", readOnly: true },
  ]);
  expect(inputs.user).toBe("1000:1000");
});

test("only api and mcp are published", () => {
  const ports = Object.fromEntries(roles.map((role) => [role, graph.resource(`${role}-container`).inputs.ports]));
  expect(ports).toEqual({
    api: [{ internal: 8000, external: 8080, ip: "127.0.0.1" }],
    mcp: [{ internal: 8001, external: 8081, ip: "127.0.0.1" }],
    discovery: [],
    monitor: [],
  });
});

test("the vault folder belongs to whom Thoth runs as", () => {
  expect(graph.resource("vault").inputs).toMatchObject({ path: "/home/reader/vault", owner: "1000:1000" });
});

test("Letta gets the MCP server's name on the shared network", () => {
  expect(graph.resource("mcp-registration").inputs).toMatchObject({
    serverName: "thoth",
    mcpUrl: "http://thoth-mcp:8001/mcp",
    lettaUrl: "http://127.0.0.1:8284",
    token: "plain-mcp-token",
  });
});

describe("order", () => {
  test.each(roles)("%s starts after the vault is there and Letta was seen to work", (role) => {
    expect(graph.waitsFor(`${role}-container`)).toEqual(expect.arrayContaining(["vault", "letta-works"]));
  });

  test("Letta reads the tools of an MCP server that answers", () => {
    expect(graph.waitsFor("mcp-registration")).toContain("mcp-ready");
  });

  test("api starts after the MCP registration; the others do not wait for it", () => {
    expect(graph.waitsFor("api-container")).toContain("mcp-registration");
    expect(graph.waitsFor("discovery-container")).not.toContain("mcp-registration");
    expect(graph.waitsFor("monitor-container")).not.toContain("mcp-registration");
  });
});

describe("the gate asks Letta again", () => {
  const triggerOf = async (raw = {}) => (await thothGraph(raw)).resource("letta-works").inputs.trigger;

  test("when a role's program or the environment changes", async () => {
    const before = await triggerOf();
    expect(await triggerOf()).toBe(before);
    expect(await triggerOf({ env: { THOTH_LOG_LEVEL: "debug" } })).not.toBe(before);
    expect(await triggerOf({ repository: "example.org/thoth" })).not.toBe(before);
  });
});

test("exports no secret", () => {
  expect(graph.exports).toEqual({
    healthUrls: { api: "http://127.0.0.1:8080/health", mcp: "http://127.0.0.1:8081/health" },
    urls: { api: "http://127.0.0.1:8080", mcp: "http://127.0.0.1:8081" },
    containers: ["thoth-api", "thoth-mcp", "thoth-discovery", "thoth-monitor"],
    vault: "/home/reader/vault",
    isStandIn: true,
  });
});

describe("the operator's own variables", () => {
  const secretsOf = (role: string, { resource }: Graph<ThothExports>): string => {
    const { uploads } = resource(`${role}-container`).inputs as { uploads: { file: string; content: string }[] };
    return uploads.find(({ file }) => file.endsWith("/secrets.env"))?.content ?? "";
  };

  test("of the env file reach every role as secrets, under both names of a key", async () => {
    const folder = temporaryFiles({ ".env": 'OPENROUTER_API_KEY="plain-key"\nOTHER=1\n' });
    const withFile = await thothGraph({ envFile: `${folder}/.env` });
    for (const role of roles) {
      expect(secretsOf(role, withFile)).toContain("OPENROUTER_API_KEY='plain-key'\n");
      expect(secretsOf(role, withFile)).toContain("API_OPENROUTER_KEY='plain-key'\n");
      expect(JSON.stringify(withFile.resource(`${role}-container`).storedInputs)).not.toContain("plain-key");
    }
  });

  test("of the config win over the env file's", async () => {
    const folder = temporaryFiles({ ".env": "MISTRAL_API_KEY=from-file\n" });
    const both = await thothGraph({ envFile: `${folder}/.env`, secretEnv: { MISTRAL_API_KEY: "from-config" } });
    expect(secretsOf("api", both)).toContain("MISTRAL_API_KEY='from-config'\n");
    expect(secretsOf("api", both)).not.toContain("from-file");
  });

  test("in the env file must have names that a shell takes, or it would run them", async () => {
    const folder = temporaryFiles({ ".env": "GOOD=1\nMY-KEY=plain-key\n$(touch x)=1\n" });
    const failure = thothGraph({ envFile: `${folder}/.env` });
    await expect(failure).rejects.toThrow(/\/\.env: not a variable name: \$\(touch x\), MY-KEY\n {2}fix: rename/);
    await expect(failure).rejects.not.toThrow("plain-key");
  });

  test("in a missing env file are an error that says how to fix it", async () => {
    await expect(thothGraph({ envFile: "/nowhere/.env" })).rejects.toThrow(
      /envFile \/nowhere\/\.env cannot be read: ENOENT.*\n {2}fix: pulumi config set envFile PATH/,
    );
  });
});

test("a first preview, in which no id is known yet, runs to its end", async () => {
  const preview = await thothGraph({}, true);
  expect(preview.resources.map(({ urn }) => urn).sort()).toEqual(graph.resources.map(({ urn }) => urn).sort());
});

test("uses Letta through the gateway, under all five names", () => {
  const envs = graph.resource("monitor-container").inputs.envs as string[];
  expect(envs.filter((line) => line.endsWith(`=${lettaOutputs.internalUrls.gateway}`))).toHaveLength(5);
});
