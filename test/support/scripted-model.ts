/**
 * A scripted language model behind the OpenAI API: it stands in for a provider, so that a real Letta server has real
 * conversations on a machine without network or keys. It answers with the last user message, word by word, and embeds a
 * text by its characters; the same request always has the same answer. Tools are accepted and never called.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

const MODEL = "scripted-model";
const EMBEDDING_DIMENSIONS = 1536;
/** Pause between two words of a streamed answer, in milliseconds: long enough to see that they come one by one. */
const WORD_PAUSE = 20;

type Message = { role: string; content: string | { text?: string }[] | null };
type RequestBody = { stream?: boolean; messages?: Message[]; input?: string | string[]; encoding_format?: string };

/** A running scripted model. */
export interface ScriptedModel {
  /** Base URL for `OPENAI_BASE_URL`. */
  readonly url: string;
  readonly port: number;
  /** What it was asked. */
  readonly requests: readonly RequestBody[];
  close(): Promise<void>;
}

export interface ScriptedModelOptions {
  /** Address to listen on; default: loopback. Containers reach `0.0.0.0` as `host.docker.internal`. */
  readonly host?: string;
  /** Awaited before each word of a streamed answer; default: a short pause. */
  readonly beforeWord?: (word: string) => Promise<unknown>;
}

/** Starts the model. */
export async function startScriptedModel(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  const requests: RequestBody[] = [];
  const beforeWord = options.beforeWord ?? (() => delay(WORD_PAUSE));
  const server = createServer((request, response) => {
    answer(request, response, { requests, beforeWord }).catch((error: unknown) => {
      // A caller may disconnect at any time; a body that is not valid JSON is the caller's error.
      if (!response.headersSent) sendJson(response, { error: { message: String(error) } }, 400);
      response.end();
    });
  });
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}/v1`,
    port,
    requests,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

interface Script {
  readonly requests: RequestBody[];
  readonly beforeWord: (word: string) => Promise<unknown>;
}

async function answer(request: IncomingMessage, response: ServerResponse, script: Script): Promise<void> {
  const path = (request.url ?? "/").replace(/\?.*$/, "").replace(/^\/v1(?=\/)/, "");
  const body = JSON.parse((await text(request)) || "{}") as RequestBody;
  script.requests.push(body);
  if (path === "/models") return sendJson(response, { object: "list", data: [{ id: MODEL, object: "model" }] });
  if (path === "/embeddings") return sendJson(response, embeddings(body));
  if (path !== "/chat/completions") return sendJson(response, { error: { message: `no such route: ${path}` } }, 404);
  const words = answerTo(body.messages ?? []);
  if (body.stream) return streamWords(response, words, script.beforeWord);
  const message = { role: "assistant", content: words.join("") };
  sendJson(response, completion("chat.completion", { message }, "stop"));
}

/** The answer in pieces of a word each, spaces included. */
function answerTo(messages: readonly Message[]): string[] {
  const last = messages.findLast(({ role }) => role === "user")?.content ?? "";
  const said = typeof last === "string" ? last : last.map((part) => part.text ?? "").join(" ");
  return `You said: ${said}`.match(/\s*\S+|\s+$/g) ?? [];
}

async function streamWords(
  response: ServerResponse,
  words: readonly string[],
  beforeWord: Script["beforeWord"],
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const send = (delta: object, finish: string | null) =>
    response.write(`data: ${JSON.stringify(completion("chat.completion.chunk", { delta }, finish))}\n\n`);
  send({ role: "assistant", content: "" }, null);
  for (const content of words) {
    await beforeWord(content);
    send({ content }, null);
  }
  send({}, "stop");
  response.end("data: [DONE]\n\n");
}

function completion(object: string, content: object, finish: string | null) {
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const choices = [{ index: 0, ...content, finish_reason: finish }];
  return { id: "chatcmpl-scripted", object, created: 0, model: MODEL, choices, usage };
}

function embeddings({ input = "", encoding_format: format }: RequestBody) {
  const texts = typeof input === "string" ? [input] : input;
  const data = texts.map((one, index) => ({ object: "embedding", index, embedding: encode(embed(one), format) }));
  return { object: "list", model: MODEL, data, usage: { prompt_tokens: 1, total_tokens: 1 } };
}

function embed(one: string): number[] {
  const vector = new Array<number>(EMBEDDING_DIMENSIONS).fill(0);
  for (const [index, character] of [...one].entries()) {
    const place = ((character.codePointAt(0) ?? 0) * 31 + index) % EMBEDDING_DIMENSIONS;
    vector[place] = (vector[place] ?? 0) + 1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** OpenAI's own client asks for base64 by default. */
function encode(vector: number[], format: string | undefined): number[] | string {
  return format === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector;
}

function sendJson(response: ServerResponse, value: object, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
