import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { lettaFetch } from "../../infra/lib/letta/api.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { StackStatus } from "../../scripts/status/collect.ts";
import { faithfulThoth } from "../support/faithful-thoth.ts";
import { freePorts } from "../support/free-places.ts";
import { mcpServers, mcpTools } from "../support/mcp-servers.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

/** Thoth's published images, in whose place runs the stand-in, as hard to run as they are. */

const stacks = sharedStacks();
const roles = ["api", "mcp", "discovery", "monitor"];
/** As Thoth calls the one that users talk to. */
const agentName = "thoth_main_orchestrator";
const keyFile = () => join(stacks.vault, "thoth.env");
let image: string;
let pluginPort: number;
let thoth: ThothExports;

/** The config of a real Thoth: images, keys, and a port for the plugin. */
function configured(changes: Readonly<Record<string, object>> = {}) {
  const ofRoles = Object.fromEntries(roles.map((role) => [role, { image, ...changes[role] }]));
  stacks.configure(stacks.thoth, {
    roles: ofRoles,
    envFile: keyFile(),
    env: { THOTH_STAND_IN_START_SECONDS: "5", THOTH_AGENT_NAME: agentName },
    ports: { ...ports, letta: pluginPort },
  });
}
let ports: Record<string, number>;

const up = () => stacks.pulumi(["up", "--yes", "--skip-preview", "--stack", stacks.thoth]);
const role = (name: string) => `${stacks.thoth}-${name}`;

/** The words of an answer, which come in an event each. */
const saidIn = (events: string) =>
  [...events.matchAll(/"content":\s*"([^"]*)"/g)].map(([, content]) => content).join("");

beforeAll(async () => {
  image = await faithfulThoth();
  const { api, mcp } = (await stacks.thothOutputs()).urls;
  ports = { api: Number(new URL(api).port), mcp: Number(new URL(mcp).port) };
  [pluginPort = 0] = await freePorts(1);
  for (const name of ["prompts", "templates"]) {
    const folder = join(stacks.vault, "thoth/_thoth", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "one"), "");
  }
  writeFileSync(join(stacks.vault, "thoth/_thoth/analysis_schema.json"), "{}");
  const settings = join(stacks.vault, "thoth/_thoth/settings.json");
  writeFileSync(settings, JSON.stringify({ memory: { letta: { agentModel: "openai/gpt-5" } } }));
  const lines = ["OBSIDIAN_VAULT_PATH=/elsewhere", "DATABASE_URL=postgresql://elsewhere", "API_OPENROUTER_KEY=key"];
  writeFileSync(keyFile(), lines.join("\n"));
  configured();
  const { output } = await up();
  expect(output).toContain("OBSIDIAN_VAULT_PATH, DATABASE_URL, which the stack sets itself; for another vault:");
  thoth = await stacks.thothOutputs();
}, 300_000);

afterAll(async () => {
  stacks.configure(stacks.thoth, { roles: {}, envFile: undefined, env: {}, ports });
  await stacks.up(stacks.thoth);
  rmSync(keyFile());
}, 300_000);

/** What status says of the thoth stack. */
async function status() {
  const { stdout } = await stacks.command(["thoth", "status", "--json"]);
  const { stacks: shown } = JSON.parse(stdout) as { stacks: StackStatus[] };
  const found = shown.find(({ name }) => name === stacks.thoth);
  if (found === undefined) throw new Error(stdout);
  const red = found.services.filter(({ health }) => health !== "healthy").map(({ name }) => name);
  return { isHealthy: found.isHealthy, red, notes: found.notes.join("\n") };
}

test("come up by images and keys alone, and are healthy though the API answers 503 for ever", async () => {
  expect((await fetch(`${thoth.urls.api}/health`)).status).toBe(503);
  expect(await status()).toMatchObject({ isHealthy: true, red: [] });
});

test("are red while Postgres or Letta is down, of which their own health says nothing", async () => {
  const redWithout = async (service: string) => {
    await dockerOutput(["pause", `${stacks.letta}-${service}`]);
    try {
      // Thoth's own word; each role's last check may have passed a moment ago.
      expect((await fetch(`${thoth.urls.mcp}/health`)).status).toBe(200);
      await expect.poll(async () => (await status()).red, { timeout: 120_000 }).toContain(role("api"));
      return (await status()).red;
    } finally {
      await dockerOutput(["unpause", `${stacks.letta}-${service}`]);
    }
  };
  expect(await redWithout("nginx")).toEqual([role("api")]);
  await expect
    .poll(async () => (await redWithout("postgres")).sort(), { timeout: 240_000 })
    .toEqual(roles.map(role).sort());
  await expect.poll(status, { timeout: 120_000 }).toMatchObject({ isHealthy: true });
});

test("without their agents are of no use, and status says so until a restart makes them", async () => {
  const letta = await stacks.projectEndpoint();
  const found = await lettaFetch(letta, "GET", `/v1/agents/?name=${agentName}`);
  for (const { id } of (await found.json()) as { id: string }[]) await lettaFetch(letta, "DELETE", `/v1/agents/${id}`);
  expect(await status()).toMatchObject({
    isHealthy: false,
    red: [],
    notes: expect.stringContaining("has made no agents"),
  });
  succeeded(await stacks.command(["thoth", "restart"]));
  await expect.poll(status, { timeout: 60_000 }).toMatchObject({ isHealthy: true });
});

test("reach Letta without a token, and no other project does that way", async () => {
  const ask = (from: string, url: string) =>
    docker(["exec", from, "curl", "-sS", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", url]);
  expect((await ask(role("api"), "http://letta-proxy:8284/v1/agents/")).stdout).toBe("200");
  const { letta } = stacks;
  for (const port of [8284, 8286]) {
    expect(["403", "000"]).toContain(
      (await ask(`${letta}-nginx`, `http://${role("letta-proxy")}:${port}/v1/agents/`)).stdout,
    );
  }
  // The API of the stand-in sends no token here.
  const chat = { method: "POST", headers: { "content-type": "application/json" }, body: '{"message":"hello"}' };
  await expect
    .poll(async () => saidIn(await (await fetch(`${thoth.urls.api}/chat`, chat)).text()), { timeout: 120_000 })
    .toContain("You said");
});

describe("a single user's Obsidian plugin", () => {
  const origin = "app://obsidian.md";
  const ask = (path: string, options: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${pluginPort}${path}`, { ...options, headers: { origin, ...options.headers } });

  test("lists agents, starts a conversation and streams an answer, with no token", async () => {
    const response = await ask("//v1/agents/");
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    // The models of other tests' agents have ended.
    const agents = (await response.json()) as { id: string; name: string }[];
    const agent = agents.find(({ name }) => name === agentName);
    const json = { "content-type": "application/json" };
    const made = await ask(`/v1/conversations/?agent_id=${agent?.id}`, { method: "POST", headers: json, body: "{}" });
    const { id } = (await made.json()) as { id: string };
    const message = JSON.stringify({ input: "hello", streaming: true, stream_tokens: true });
    const answer = await ask(`/v1/conversations/${id}/messages`, { method: "POST", headers: json, body: message });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    expect(saidIn(await answer.text())).toContain("You said");
  });

  test("passes its preflight; a web page and a program that names no origin are refused", async () => {
    const preflight = { method: "OPTIONS", headers: { "access-control-request-method": "POST" } };
    expect((await ask("/v1/agents/", preflight)).status).toBe(204);
    for (const headers of [{ origin: "http://evil.example" }, { origin: "" }]) {
      expect((await ask("/v1/agents/", { headers })).status).toBe(403);
    }
  });
});

test("MCP tools that vanished with another registration are put back by the next start", async () => {
  const letta = await stacks.projectEndpoint();
  const [server] = await mcpServers(letta, stacks.thoth);
  if (server === undefined) throw new Error("Letta does not know the server");
  const before = await mcpTools(letta, server);
  for (const { id } of before) await lettaFetch(letta, "DELETE", `/v1/tools/${id}`);
  expect(await mcpTools(letta, server)).toEqual([]);
  const startedAt = async () => (await stacks.containers(stacks.thoth))[role("api")]?.startedAt;
  const started = await startedAt();
  succeeded(await stacks.command(["thoth", "start"]));
  expect(await mcpTools(letta, server)).toHaveLength(before.length);
  // Thoth gives the tools to its agents when it starts.
  expect(await startedAt()).not.toBe(started);
});

test("their own command line has the API's environment", async () => {
  expect(succeeded(await stacks.command(["thoth", "exec", "users list"])).output).toContain(
    "users of letta-postgres:5432/thoth",
  );
});

test("the MCP server answers no other project", async () => {
  const tools = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  const headers = ["-H", "content-type: application/json", "-H", "accept: application/json, text/event-stream"];
  const url = `http://${role("mcp")}:8001/mcp`;
  const code = await dockerOutput([
    ...["exec", `${stacks.letta}-nginx`, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", ...headers],
    ...["-d", JSON.stringify(tools), url],
  ]);
  expect(code).toBe("401");
});

test("a stop takes the few seconds of discovery, which does not notice the signal", async () => {
  succeeded(await stacks.command(["thoth", "stop"]));
  const { stdout } = await docker(["inspect", "--format", "{{.State.ExitCode}}", ...roles.map(role)]);
  expect(stdout.trim().split("\n")).toEqual(["0", "0", "137", "0"]);
});

test("a program that ends again and again fails the start with its cause, and is red in status", async () => {
  configured({ monitor: { command: ["python", "-m", "thoth", "monitor", "--bogus"] } });
  const { exitCode, output } = await up();
  expect(exitCode).not.toBe(0);
  expect(output).toContain(`${role("monitor")} stopped instead of answering`);
  expect(output).toContain("likely cause: unrecognized arguments: --bogus");
  expect((await stacks.command(["thoth", "status"])).output).toMatch(/-monitor +│ \w+ +│ (unhealthy|-) /);
});
