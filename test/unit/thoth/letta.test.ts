import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LettaServer } from "../../../images/thoth/src/letta.ts";

const ID = "agent-00000000-0000-4000-8000-000000000001";

/** A fake Letta with scripted answers. */
async function lettaThat(answer: (url: URL) => { status: number; body: string }): Promise<LettaServer> {
  const server = createServer((request, response) => {
    const { status, body } = answer(new URL(request.url ?? "/", "http://letta"));
    response.writeHead(status, { "content-type": body.startsWith("<") ? "text/html" : "application/json" }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  const { port } = server.address() as AddressInfo;
  return new LettaServer(`http://127.0.0.1:${port}`, "token", {});
}

describe("exists", () => {
  test("is false only if Letta names the agent it does not know", async () => {
    const letta = await lettaThat(() => ({ status: 404, body: `{"detail":"Agent with ID ${ID} not found"}` }));
    expect(await letta.exists(ID)).toBe(false);
  });

  test.each([
    ["another server's 404", 404, '{"detail":"Not Found"}'],
    ["a proxy's 404", 404, "<html>404</html>"],
    ["a refused token", 401, '{"detail":"Unauthorized"}'],
    ["a proxy without a server", 502, "<html>Bad Gateway</html>"],
  ])("is no answer at all with %s", async (_name, status, body) => {
    const letta = await lettaThat(() => ({ status, body }));
    await expect(letta.exists(ID)).rejects.toThrow(String(status));
  });
});

test("named reads all pages", async () => {
  const agents = Array.from({ length: 120 }, (_, index) => ({ id: `agent-${index}`, name: "thoth-assistant" }));
  const letta = await lettaThat((url) => {
    const after = url.searchParams.get("after");
    const start = after === null ? 0 : agents.findIndex(({ id }) => id === after) + 1;
    return { status: 200, body: JSON.stringify(agents.slice(start, start + 50)) };
  });
  const ids = new Set<string>();
  for await (const { id } of letta.named("thoth-assistant")) ids.add(id);
  expect(ids.size).toBe(120);
});

describe("models", () => {
  const listing = (llm: string[], embedding: string[]) => (url: URL) => {
    const handles = url.pathname.includes("embedding") ? embedding : llm;
    return { status: 200, body: JSON.stringify(handles.map((handle) => ({ handle }))) };
  };

  test("prefers the server's own model to the hosted one", async () => {
    const letta = await lettaThat(listing(["letta/letta-free", "openai-proxy/scripted-model"], ["letta/letta-free"]));
    expect(await letta.models()).toEqual({ model: "openai-proxy/scripted-model", embedding: "letta/letta-free" });
  });

  test("is undefined if there is none", async () => {
    expect(await (await lettaThat(listing([], []))).models()).toBeUndefined();
  });
});
