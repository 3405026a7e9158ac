import { beforeAll, describe, expect, test } from "vitest";
import type { ThothExports } from "../../../infra/stacks/outputs.ts";
import type { Graph } from "../../support/graph.ts";
import { inventory, thothGraph, uploaded } from "../../support/stack-graphs.ts";

/** All roles in one container, as with the stand-in by default. */

const roles = ["api", "mcp", "discovery", "monitor"];
let graph: Graph<ThothExports>;
beforeAll(async () => {
  graph = await thothGraph();
});

const container = (of = graph) => of.resource("all-in-one-container").inputs;
const file = (name: string, of = graph) => uploaded(of, "all-in-one", `/roles/${name}`);

test("is one container besides the proxy, registered and looked at as any other", () => {
  expect(inventory(graph)).toMatchObject({
    "docker:index/container:Container": "all-in-one-container letta-proxy-container",
    "pulumi-nodejs:dynamic/thoth-letta:mcp-registration": "mcp-registration",
    "pulumi-nodejs:dynamic/thoth-letta:readiness": "all-in-one-ready letta-proxy-ready mcp-ready",
    "thoth-letta:service:Service": "all-in-one letta-proxy",
  });
  expect(container().name).toBe("thoth-all-in-one");
  expect(graph.exports).toMatchObject({
    containers: ["thoth-letta-proxy", "thoth-all-in-one"],
    roles: Object.fromEntries(roles.map((role) => [role, "thoth-all-in-one"])),
  });
});

test("answers to every name and port that the roles' own containers have", async () => {
  const apart = await thothGraph({ shape: "roles" });
  const names = roles.map((role) => `thoth-${role}`);
  expect(container().networksAdvanced).toEqual([
    { name: "id-of-network", aliases: [...roles, ...names] },
    { name: "letta-network-id", aliases: names },
  ]);
  expect(container().ports).toEqual(roles.flatMap((role) => apart.resource(`${role}-container`).inputs.ports));
  const { mcpUrl, toolsUser } = graph.resource("mcp-registration").inputs;
  expect([mcpUrl, toolsUser]).toEqual(["http://thoth-mcp:8001/mcp", "thoth-all-in-one"]);
});

test("may take what the roles may take together, and stops within the longest of their graces", async () => {
  const limits = { cpus: 0.5, processes: 100, memoryMiB: 600 };
  const limited = await thothGraph({ roles: Object.fromEntries(roles.map((role) => [role, limits])) });
  expect(container(limited)).toMatchObject({ memory: 2400, cpus: "2" });
  expect(limited.resource("all-in-one-ready").inputs.processes).toBe(400);
  const given = { api: { cpus: 1, stopGraceSeconds: 40 }, mcp: { stopGraceSeconds: 3 } };
  const mixed = await thothGraph({ roles: given });
  expect(container(mixed)).toMatchObject({ memory: 2048, stopTimeout: 40, destroyGraceSeconds: 40 });
  expect(container(mixed)).not.toHaveProperty("cpus");
});

test("is started by the launcher, which gets each role and its grace, and has its own health for each", () => {
  const { command, healthcheck } = container() as { command: string[]; healthcheck: { tests: string[] } };
  const graces = roles.flatMap((role) => [role, "15"]);
  expect(command).toEqual(["sh", "/run/thoth-letta/all-in-one.sh", ...graces]);
  expect(healthcheck.tests).toEqual(["CMD", "sh", "/run/thoth-letta/all-in-one-health.sh", ...roles]);
  for (const name of ["all-in-one.sh", "all-in-one-health.sh"])
    expect(uploaded(graph, "all-in-one", name)).toMatch(/^#!/);
});

test("runs a role's command and check word for word, whatever is in them", async () => {
  const command = ["thoth", "it's", "$HOME; two words"];
  const given = { mcp: { command, health: ["CMD", "curl", "a b"] }, monitor: { health: ["CMD-SHELL", "a | b"] } };
  const own = await thothGraph({ roles: given });
  expect(file("mcp.sh", own)).toBe(`export THOTH_LETTA_ROLE=mcp\nexec 'thoth' 'it'\\''s' '$HOME; two words'\n`);
  expect(file("mcp.health.sh", own)).toBe("exec 'curl' 'a b'\n");
  expect(file("monitor.health.sh", own)).toBe("a | b\n");
});

describe("the order of a start", () => {
  test("lets the API wait until Letta has read the tools, and all be ready after that", () => {
    const { startsWith } = graph.resource("mcp-registration").inputs;
    expect(file("api.before.sh")).toContain(`[ -e ${startsWith} ]`);
    expect(file("api.health.sh")).toMatch(/make thoth-start".*exec 'curl'/s);
    expect(graph.waitsFor("mcp-registration")).toContain("mcp-ready");
    expect(graph.resource("mcp-ready").inputs.check).toEqual(["sh", "/run/thoth-letta/all-in-one-health.sh", "mcp"]);
    expect(graph.waitsFor("all-in-one-ready")).toContain("mcp-registration");
    expect(graph.waitsFor("all-in-one-container")).toEqual(
      expect.arrayContaining(["vault", "letta-works", "letta-proxy-ready", "other-shape"]),
    );
  });

  test("lets the real discovery and monitor wait for the MCP server, which makes the tables that they read", async () => {
    const real = await thothGraph({ image: "my-thoth:1" });
    for (const role of ["discovery", "monitor"]) {
      expect(file(`${role}.before.sh`, real)).toContain("all-in-one-health.sh mcp");
      expect(file(`${role}.before.sh`)).toBeUndefined();
    }
    expect(file("mcp.before.sh", real)).toBeUndefined();
    expect(real.exports.isStandIn).toBe(false);
  });
});

test("a configured image runs the published way, and looks for the program of each role", async () => {
  const real = await thothGraph({ image: "my-thoth:1" });
  expect(container(real)).toMatchObject({ image: "my-thoth:1", memory: 4096 });
  expect(file("mcp.sh", real)).toContain("exec 'python' '-m' 'thoth' 'mcp' 'http'");
  expect(file("monitor.health.sh", real)).toContain("'process=monitor'");
  const { uploads } = container(real) as { uploads: { file: string }[] };
  expect(uploads.filter((upload) => upload.file.endsWith("/health.py"))).toHaveLength(1);
});

test("sources of the host are mounted once", async () => {
  const source = "/home/me/thoth/src";
  const { mounts } = container(await thothGraph({ source })) as { mounts: { source: string }[] };
  expect(mounts.filter((mount) => mount.source === source)).toHaveLength(1);
});

test("each shape stops the containers of the other, which hold its ports", async () => {
  const others = async (shape: string) => (await thothGraph({ shape })).resource("other-shape").inputs.containers;
  expect(await others("all-in-one")).toEqual(roles.map((role) => `thoth-${role}`));
  expect(await others("roles")).toEqual(["thoth-all-in-one"]);
});
