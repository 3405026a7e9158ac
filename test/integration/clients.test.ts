import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { type LettaEndpoint, lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { bareAgent } from "../support/conversation.ts";
import { freePorts } from "../support/free-places.ts";
import { expectWordsAsTheyAreSaid } from "../support/gated-answer.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { presentImage } from "../support/stacks.ts";
import { Visitor } from "../support/visitor.ts";

const stacks = sharedStacks();
const visitor = new Visitor(stacks.letta);
let gateway: LettaEndpoint;
let model: ScriptedModel;

beforeAll(async () => {
  await visitor.start();
  gateway = await stacks.projectEndpoint();
  model = await startScriptedModel({ host: "0.0.0.0" });
}, 600_000);

afterAll(async () => {
  await visitor.remove();
  await model.close();
});

describe("in a browser, on a page of another origin", () => {
  test("Letta's own client makes an agent and streams its answer", async () => {
    const said = await visitor.page(`
      const client = new Letta({ baseURL: "${gateway.url}", apiKey: "${gateway.password}" });
      const agent = await client.agents.create(${JSON.stringify(bareAgent(model.port))});
      const listed = [];
      for await (const { id } of client.agents.list({ name: agent.name })) listed.push(id);
      const messages = [{ role: "user", content: "alpha beta" }];
      let words = "";
      for await (const event of await client.agents.messages.stream(agent.id, { messages, stream_tokens: true })) {
        if (event.message_type === "assistant_message") words += event.content;
      }
      await client.agents.delete(agent.id);
      return { isListed: listed.includes(agent.id), words };
    `);
    expect(said).toEqual({ isListed: true, words: "You said: alpha beta" });
  });

  test("the ADE's headers pass, and errors can be read with their reason", async () => {
    const said = await visitor.page(`
      const ask = async (path, headers) => {
        const response = await fetch("${gateway.url}" + path, { headers });
        return [response.status, (await response.json()).detail];
      };
      const ade = { "x-bare-password": "password ${gateway.password}", "x-source-client": "/agents", user_id: "x" };
      return {
        ade: await ask("/v1/agents?limit=1", ade),
        wrong: await ask("/v1/agents/", { ...ade, "x-bare-password": "password x" }),
        closed: await ask("/v1/admin/users/", ade),
      };
    `);
    expect(said).toEqual({
      ade: [200, null],
      wrong: [401, expect.stringContaining("no project has this token")],
      closed: [403, expect.stringContaining("operator")],
    });
  });
});

test("Letta's Python client makes an agent and gets its answer", async () => {
  const script = `
import json, sys
from letta_client import Letta
client = Letta(base_url="${gateway.url}", api_key="${gateway.password}")
agent = client.agents.create(**json.loads(sys.stdin.read()))
print(client.agents.messages.create(agent.id, messages=[{"role": "user", "content": "alpha"}]).messages[-1].content)
client.agents.delete(agent.id)
`;
  const python = [
    "run",
    "--rm",
    "--interactive",
    "--network",
    "host",
    "--entrypoint",
    "python3",
    presentImage("letta"),
  ];
  const input = JSON.stringify(bareAgent(model.port));
  expect((await dockerOutput([...python, "-c", script], { input })).trim()).toBe("You said: alpha");
});

describe("a memory block", () => {
  test.each(["100%", "a;b", "#tag", ".hidden", "..."])(
    "labelled %s is read and changed by its label",
    async (label) => {
      const body = { ...bareAgent(model.port), memory_blocks: [{ label, value: "before" }] };
      const { id } = await lettaJson<{ id: string }>(gateway, "POST", "/v1/agents/", body);
      const path = `/v1/agents/${id}/core-memory/blocks/${encodeURIComponent(label)}`;
      await lettaJson(gateway, "PATCH", path, { value: "after" });
      expect(await lettaJson(gateway, "GET", path)).toMatchObject({ label, value: "after" });
      await lettaFetch(gateway, "DELETE", `/v1/agents/${id}`);
    },
  );
});

test("a project sets its own variables for tools", async () => {
  const sandbox = await lettaJson<{ id: string }>(gateway, "POST", "/v1/sandbox-config/local/default");
  const path = `/v1/sandbox-config/${sandbox.id}/environment-variable`;
  const { id } = await lettaJson<{ id: string }>(gateway, "POST", path, { key: "CITY", value: "Utrecht" });
  expect(await lettaJson(gateway, "GET", path)).toMatchObject([{ key: "CITY" }]);
  await lettaFetch(gateway, "DELETE", `/v1/sandbox-config/environment-variable/${id}`);
  expect(await lettaJson(gateway, "GET", path)).toEqual([]);
});

test("an MCP server on a private host is refused with the key that allows it", async () => {
  const config = { mcp_server_type: "streamable_http", server_url: "http://host.docker.internal:1/mcp" };
  const body = { server_name: "private", config };
  const { id } = await lettaJson<{ id: string }>(gateway, "POST", "/v1/mcp-servers/", body);
  const refresh = lettaFetch(gateway, "PATCH", `/v1/mcp-servers/${id}/refresh`);
  await expect(refresh).rejects.toThrow("thoth-letta:mcpHosts: host.docker.internal");
  await lettaFetch(gateway, "DELETE", `/v1/mcp-servers/${id}`);
});

describe("behind a proxy with TLS, as in docs/proxies.md", () => {
  const page = readFileSync(join(root, "docs/proxies.md"), "utf8");
  const [ownName = "", path = ""] = snippets("nginx");
  const [caddy = ""] = snippets("caddy");

  test.each([
    ["nginx under its own name", "nginx", ownName, ""],
    ["nginx under a path", "nginx", path, "/letta"],
    ["Caddy under a path", "caddy", caddy, "/letta"],
  ] as const)("%s: redirects stay there, and words arrive as they are said", async (_, program, snippet, prefix) => {
    const [port = 0] = await freePorts(1);
    await visitor[program](port, snippet.replace("8284", new URL(gateway.url).port));
    const url = `https://localhost:${port}${prefix}`;
    await vi.waitFor(() => visitor.curl(`${url}/v1/health/`), { timeout: 120_000 });

    const token = ["-H", `Authorization: Bearer ${gateway.password}`];
    const followed = ["-L", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects} %{url_effective}"];
    const reached = await visitor.curl(...token, ...followed, `${url}/v1/agents?limit=1`);
    expect(reached).toBe(`200 1 ${url}/v1/agents/?limit=1`);
    const { password } = gateway;
    await expectWordsAsTheyAreSaid({ url, password, certificate: await visitor.certificate() });
  });

  function snippets(language: string): string[] {
    return [...page.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, "g"))].map(([, code]) => code ?? "");
  }
});
