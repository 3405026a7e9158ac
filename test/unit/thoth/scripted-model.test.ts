import { afterAll, beforeAll, expect, test } from "vitest";
import { type ScriptedModel, startScriptedModel } from "../../support/scripted-model.ts";

let model: ScriptedModel;

beforeAll(async () => {
  model = await startScriptedModel();
});
afterAll(() => model.close());

const post = (path: string, body: object) =>
  fetch(`${model.url}${path}`, { method: "POST", body: JSON.stringify(body) });

test("lists its model with and without the version in the path", async () => {
  for (const url of [`${model.url}/models`, model.url.replace("/v1", "/models")]) {
    expect(await (await fetch(url)).json()).toMatchObject({ data: [{ id: "scripted-model" }] });
  }
});

test("answers with the last user message, whole or word by word", async () => {
  const messages = [
    { role: "user", content: "old" },
    { role: "assistant", content: "x" },
    { role: "user", content: "hello there" },
  ];
  const whole = await (await post("/chat/completions", { messages })).json();
  expect(whole).toMatchObject({ choices: [{ message: { content: "You said: hello there" }, finish_reason: "stop" }] });
  const streamed = await (await post("/chat/completions", { messages, stream: true })).text();
  const pieces = [...streamed.matchAll(/"content":"([^"]*)"/g)].map(([, content]) => content);
  expect(pieces).toEqual(["", "You", " said:", " hello", " there"]);
  expect(streamed).toMatch(/\[DONE\]\n\n$/);
});

test("embeds a text the same way each time, in both encodings", async () => {
  const embed = async (body: object) => {
    const answer = (await (await post("/embeddings", body)).json()) as { data: [{ embedding: number[] | string }] };
    return answer.data[0].embedding;
  };
  const plain = (await embed({ input: "abc" })) as number[];
  const packed = Buffer.from((await embed({ input: ["abc"], encoding_format: "base64" })) as string, "base64");
  expect(plain).toHaveLength(1536);
  expect(packed.equals(Buffer.from(new Float32Array(plain).buffer))).toBe(true);
});

test("remembers what it was asked", () => {
  expect(model.requests.map(({ path }) => path)).toContain("/embeddings");
});
