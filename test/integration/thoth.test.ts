import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import { envFileLines } from "../support/env-file-lines.ts";
import { mcpServers, mcpTools } from "../support/mcp-servers.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
let thoth: ThothExports;
let letta: LettaEndpoint;
beforeAll(async () => {
  thoth = await stacks.thothOutputs();
  letta = await stacks.lettaEndpoint();
});

const papers = async () =>
  ((await (await fetch(`${thoth.urls.api}/papers`)).json()) as { papers: { title: string }[] }).papers;

test("a file that is put into the vault becomes a paper of the API, and goes with the file", async () => {
  const file = join(stacks.vault, "thoth/papers/a-paper-of-the-test.md");
  const titles = async () => (await papers()).map(({ title }) => title);
  writeFileSync(file, "# Memory of agents\n\nAgents remember.\n");
  await expect.poll(titles, { timeout: 120_000 }).toContain("Memory of agents");
  rmSync(file);
  await expect.poll(titles, { timeout: 120_000 }).not.toContain("Memory of agents");
});

test("a question to the API is answered by its agent in Letta", async () => {
  const answer = await fetch(`${thoth.urls.api}/chat`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message: "what do you know" }),
  });
  const words = [...(await answer.text()).matchAll(/"content":"([^"]*)"/g)].map(([, word]) => word);
  expect(words.join("")).toBe("You said: what do you know");
});

test("an env file is read as python-dotenv reads it, by which Thoth reads its own", async () => {
  const script = `
import io, json, sys
from dotenv import dotenv_values
print(json.dumps([dotenv_values(stream=io.StringIO(text)) for text in json.load(sys.stdin)]))`;
  const texts = envFileLines.map(([line]) => `FIRST=one\n${line}\n`);
  const python = ["exec", "--interactive", `${stacks.letta}-server`, "python3", "-c", script];
  const read = JSON.parse(await dockerOutput(python, { input: JSON.stringify(texts) }));
  expect(read).toEqual(envFileLines.map(([, values]) => ({ FIRST: "one", ...values })));
});

describe("the MCP server", () => {
  const call = (headers: Record<string, string>) =>
    fetch(`${thoth.urls.mcp}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "list_papers", arguments: {} },
      }),
    });

  test("answers a caller with its token", async () => {
    const [server] = await mcpServers(letta, stacks.thoth);
    const response = await call({ authorization: server?.custom_headers.Authorization ?? "" });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ id: 1, result: { content: [{ type: "text" }] } });
  });

  test.each([
    ["no token", {}],
    ["another token", { authorization: "Bearer something-else" }],
  ])("refuses %s", async (_name, headers) => {
    expect((await call(headers as Record<string, string>)).status).toBe(401);
  });

  test("runs its tools for Letta", async () => {
    const [server] = await mcpServers(letta, stacks.thoth);
    if (server === undefined) throw new Error("Letta does not know the server");
    const tool = (await mcpTools(letta, server)).find(({ name }) => name === "list_papers");
    const path = `/v1/mcp-servers/${server.id}/tools/${tool?.id}/run`;
    const result = await lettaJson<{ status: string; func_return: string }>(letta, "POST", path, { args: {} });
    expect(result.status).toBe("success");
    expect(JSON.parse(result.func_return)).toHaveProperty("papers");
  });
});

describe("each role, and the proxy to Letta,", () => {
  test("has its own health check in Docker", async () => {
    const health = async () =>
      Promise.all(thoth.containers.map(async (name) => (await inspectContainer(name))?.State.Health?.Status));
    await expect.poll(health, { timeout: 120_000 }).toEqual(thoth.containers.map(() => "healthy"));
    const checks = thoth.containers.map(async (name) =>
      (await inspectContainer(name))?.Config.Healthcheck?.Test?.at(-1),
    );
    expect(new Set(await Promise.all(checks)).size).toBe(5);
  });

  test("has its own line in status", async () => {
    const { stdout } = succeeded(await stacks.command(["thoth", "status", "--json"]));
    const { stacks: shown } = JSON.parse(stdout) as { stacks: { services: { name: string; health: string }[] }[] };
    expect(shown[0]?.services.map(({ name, health }) => [name, health])).toEqual(
      ["letta-proxy", "api", "mcp", "discovery", "monitor"].map((role) => [`${stacks.thoth}-${role}`, "healthy"]),
    );
  });
});

test("an image that cannot be pulled is named, and affects only the role that uses it", async () => {
  const before = await stacks.containers(stacks.thoth);
  stacks.configure(stacks.thoth, { roles: { monitor: { image: "127.0.0.1:1/no-such-image:1" } } });
  const { exitCode, output } = await stacks.pulumi(["up", "--yes", "--skip-preview", "--stack", stacks.thoth]);
  stacks.configure(stacks.thoth, { roles: {} });
  expect(exitCode).not.toBe(0);
  expect(output).toContain("127.0.0.1:1/no-such-image:1");

  await stacks.up(stacks.thoth);
  const { [`${stacks.thoth}-monitor`]: _before, ...othersBefore } = before;
  const { [`${stacks.thoth}-monitor`]: monitor, ...others } = await stacks.containers(stacks.thoth);
  expect(others).toEqual(othersBefore);
  expect(monitor).toBeDefined();
});
