/**
 * A fake Ollama: it answers as Ollama 0.12 does, and 404 wherever Ollama does. Its own API is under /api, OpenAI's under /v1
 * and nowhere else: `/embeddings` and `/chat/completions` without /v1 do not exist, nor does `//api/tags`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** A model as `ollama list` has it. */
export interface OllamaModel {
  readonly name: string;
  readonly capabilities: readonly ("completion" | "tools" | "embedding")[];
  readonly contextLength?: number;
  readonly embeddingLength?: number;
}

export const chatModel: OllamaModel = {
  name: "qwen3:4b",
  capabilities: ["completion", "tools"],
  contextLength: 40_960,
};
const embeddingModel: OllamaModel = {
  ...{ name: "nomic-embed-text:latest", capabilities: ["embedding"], contextLength: 2048, embeddingLength: 768 },
};

/** A running fake Ollama. */
export interface FakeOllama {
  readonly port: number;
  /** What it has now; a test may change it. */
  models: OllamaModel[];
  /** Method, path and Authorization header of each request. */
  readonly requests: readonly { readonly path: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** @param port default: a free one. @param host default: every address, as containers need it */
export async function startFakeOllama({ port = 0, host = "0.0.0.0" } = {}): Promise<FakeOllama> {
  const requests: { path: string; authorization: string | undefined }[] = [];
  const state = { models: [chatModel, embeddingModel] };
  const server = createServer(async (request, response) => {
    requests.push({ path: `${request.method} ${request.url}`, authorization: request.headers.authorization });
    answer(request, response, state.models, JSON.parse((await text(request)) || "{}"));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get models() {
      return state.models;
    },
    set models(models) {
      state.models = models;
    },
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

type Body = { name?: string; model?: string; input?: string | string[]; stream?: boolean; encoding_format?: string };

function answer(request: IncomingMessage, response: ServerResponse, models: readonly OllamaModel[], body: Body): void {
  const json = (value: object, status = 200) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  const model = models.find(({ name }) => name === (body.model ?? body.name));
  const missing = () => json({ error: `model '${body.model ?? body.name}' not found` }, 404);
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      return void response.end("Ollama is running");
    case "GET /api/tags":
      return void json({ models: models.map(({ name }) => ({ name, model: name })) });
    case "POST /api/show":
      return void (model === undefined ? missing() : json(show(model)));
    case "GET /v1/models":
      return void json({ object: "list", data: models.map(({ name }) => ({ id: name, object: "model" })) });
    case "POST /v1/embeddings":
      return void (model === undefined ? missing() : json(embeddings(model, body)));
    case "POST /v1/chat/completions":
      return void (model === undefined ? missing() : chat(response, model, body));
    default:
      return void response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found");
  }
}

function show({ capabilities, contextLength, embeddingLength }: OllamaModel): object {
  return {
    capabilities,
    model_info: {
      "general.architecture": "fake",
      ...(contextLength === undefined ? {} : { "fake.context_length": contextLength }),
      ...(embeddingLength === undefined ? {} : { "fake.embedding_length": embeddingLength }),
    },
  };
}

function embeddings({ name, embeddingLength = 0 }: OllamaModel, { input = "", encoding_format: format }: Body): object {
  const vector = new Array<number>(embeddingLength).fill(1 / Math.sqrt(embeddingLength));
  const embedding = format === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector;
  const data = [input].flat().map((_, index) => ({ object: "embedding", index, embedding }));
  return { object: "list", model: name, data, usage: { prompt_tokens: 1, total_tokens: 1 } };
}

function chat(response: ServerResponse, { name: model }: OllamaModel, { stream }: Body): void {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const one = (object: string, choice: object) => ({
    id: "chatcmpl-1",
    object,
    created: 0,
    model,
    choices: [choice],
    usage,
  });
  const content = "I am a fake Ollama.";
  if (stream !== true) {
    const message = { role: "assistant", content };
    const completion = one("chat.completion", { index: 0, message, finish_reason: "stop" });
    return void response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(completion));
  }
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify(one("chat.completion.chunk", { index: 0, delta, finish_reason }))}\n\n`;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.end(`${chunk({ role: "assistant", content }, null)}${chunk({}, "stop")}data: [DONE]\n\n`);
}
