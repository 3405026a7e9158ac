import { randomUUID } from "node:crypto";
import { type LettaEndpoint, lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";

/** One server-sent event of Letta, parsed. */
export type LettaEvent = { readonly message_type?: string; readonly content?: string; readonly run_id?: string };

/** What Letta makes an agent of that talks to a scripted model of the test's own. */
export function bareAgent(modelPort: number) {
  const url = `http://host.docker.internal:${modelPort}/v1`;
  const model = { model: "scripted-model", model_endpoint_type: "openai", model_endpoint: url };
  const embedding = { embedding_model: "scripted-model", embedding_endpoint_type: "openai", embedding_endpoint: url };
  return {
    name: `test-${randomUUID()}`,
    include_base_tools: false,
    llm_config: { ...model, context_window: 8192, handle: "test/scripted-model" },
    embedding_config: { ...embedding, embedding_dim: 1536 },
  };
}

/** Makes an agent that talks to a scripted model of the test's own, and returns its id. */
export async function createAgent(endpoint: LettaEndpoint, modelPort: number): Promise<string> {
  const { id } = await lettaJson<{ id: string }>(endpoint, "POST", "/v1/agents/", bareAgent(modelPort));
  return id;
}

/** Sends a message and waits for the whole answer. */
export async function say(endpoint: LettaEndpoint, agent: string, content: string): Promise<void> {
  await lettaJson(endpoint, "POST", `/v1/agents/${agent}/messages`, { messages: [{ role: "user", content }] });
}

/** Sends a message; the answer's events come as Letta sends them. The whole answer may take `timeoutSeconds`, by default 60. */
export async function* stream(
  endpoint: LettaEndpoint,
  agent: string,
  content: string,
  { timeoutSeconds = 60, ...options }: { readonly background?: boolean; readonly timeoutSeconds?: number } = {},
): AsyncGenerator<LettaEvent> {
  const body = { messages: [{ role: "user", content }], stream_tokens: true, include_pings: true, ...options };
  const path = `/v1/agents/${agent}/messages/stream`;
  const response = await lettaFetch(endpoint, "POST", path, { body, timeoutSeconds });
  let rest = "";
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const events = (rest + Buffer.from(chunk).toString()).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) if (event.startsWith("data: {")) yield JSON.parse(event.slice(6)) as LettaEvent;
  }
}

/** The text of everything the agent's conversation holds. */
export async function conversationText(endpoint: LettaEndpoint, agent: string): Promise<string> {
  return JSON.stringify(await lettaJson(endpoint, "GET", `/v1/agents/${agent}/messages?limit=1000`));
}
