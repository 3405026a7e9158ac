import { connect, type IncomingHttpHeaders } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lettaFetch } from "../../infra/lib/letta/api.ts";
import { fetchPinned } from "../../infra/lib/letta/https.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { createAgent, stream } from "../support/conversation.ts";
import { rawRequest } from "../support/raw-request.ts";
import { startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
let letta: LettaStack;

beforeAll(async () => {
  stacks.configure(stacks.letta, { tls: "self-signed" });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
});

afterAll(async () => {
  stacks.configure(stacks.letta, { tls: undefined });
  await stacks.up(stacks.letta);
  // Its address of Letta has changed back.
  await stacks.up(stacks.thoth);
});

const certificate = () => letta.certificate ?? "";
const project = async () => ({ ...(await stacks.projectEndpoint()), certificate: certificate() });
const options = (headers: Record<string, string> = {}) => ({
  method: "GET",
  headers: { authorization: `Bearer ${letta.projects.thoth?.token}`, ...headers },
  signal: AbortSignal.timeout(20_000),
});

test("the gateway has TLS, and the outputs say so", async () => {
  expect(letta.urls.gateway).toMatch(/^https:/);
  expect((await fetchPinned(letta.healthUrls.gateway, certificate(), options())).status).toBe(200);
  expect((await lettaFetch(await project(), "GET", "/v1/agents/")).status).toBe(200);
});

test("a client without the certificate sends nothing, and one without TLS gets nothing", async () => {
  await expect(fetch(letta.healthUrls.gateway)).rejects.toThrow();
  const { status, body } = await rawRequest(letta.urls.gateway.replace("https:", "http:"), "/v1/agents/", options());
  expect([status, body.includes("agent-")]).toEqual([400, false]);
});

test("clients may use HTTP/2, and redirects keep https", async () => {
  const session = connect(letta.urls.gateway, { ca: certificate() });
  const request = session.request({ ":path": "/v1/agents", authorization: `Bearer ${letta.projects.thoth?.token}` });
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    request.on("response", resolve);
    request.on("error", reject);
    session.on("error", reject);
  });
  expect([session.alpnProtocol, headers[":status"]]).toEqual(["h2", 307]);
  const location = new URL(String(headers.location), `${letta.urls.gateway}/v1/agents`);
  expect(location.href).toBe(`${letta.urls.gateway}/v1/agents/`);
  session.close();
});

test("tokens reach the client before the answer has ended", async () => {
  const gate = Promise.withResolvers<void>();
  const held = (word: string) => (word === " last" ? gate.promise : Promise.resolve());
  const model = await startScriptedModel({ host: "0.0.0.0", beforeWord: held });
  const endpoint = await project();
  const words: string[] = [];
  for await (const event of stream(endpoint, await createAgent(endpoint, model.port), "first last")) {
    if (event.message_type !== "assistant_message") continue;
    words.push(event.content ?? "");
    if (event.content === " first") gate.resolve();
  }
  expect(words.at(-1)).toBe(" last");
  await model.close();
});

test("a second update changes nothing, and containers on the network still connect without TLS", async () => {
  await stacks.up(stacks.letta, "--expect-no-changes");
  expect(letta.internalUrls.gateway).toMatch(/^http:/);
  await stacks.up(stacks.thoth);
});
