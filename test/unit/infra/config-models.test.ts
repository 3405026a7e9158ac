import { describe, expect, test } from "vitest";
import { modelEnvironment } from "../../../infra/components/letta-models.ts";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import { runsTrialModel, wouldRunTrialModel } from "../../../infra/config/models.ts";

const parse = (models: object, rest: object = {}) => parseLettaConfig({ models, ...rest }, "letta");
const environment = (models: object) => modelEnvironment(parse(models));

test("the trial model is two servers of the launcher, and the default of agents that name no model", () => {
  const { env, secretEnv } = environment({});
  expect(env).toEqual({
    DEFAULT_MODEL: "trial/smollm2-135m",
    DEFAULT_EMBEDDING: "trial-embedding/smollm2-135m-embedding",
  });
  const urls = (JSON.parse(secretEnv.MODEL_SERVERS ?? "") as { url: string }[]).map(({ url }) => url);
  expect(urls).toEqual(["http://letta-model:8080", "http://letta-model:8081"]);
  expect(environment({ default: "trial/other" }).env.DEFAULT_MODEL).toBe("trial/other");
});

test("an entry's name is its kind, and Letta's own kinds become Letta's variables", () => {
  const azure = { url: "https://x.openai.azure.com", key: "k", apiVersion: "2024-10-21" };
  expect(environment({ openai: { key: "sk-1" }, google: { key: "g" }, azure })).toEqual({
    env: {},
    secretEnv: {
      ...{ OPENAI_API_KEY: "sk-1", GEMINI_API_KEY: "g" },
      ...{ AZURE_BASE_URL: azure.url, AZURE_API_KEY: "k", AZURE_API_VERSION: "2024-10-21" },
    },
  });
});

test("servers go to the launcher, any number of a kind, their keys among the secrets", () => {
  const ollama = { url: "http://host.docker.internal:11434" };
  const box = { kind: "vllm", url: "http://box:8000/v1", key: "k", contextWindow: 16_000 };
  const { env, secretEnv } = environment({ ollama, box, default: "box/qwen3" });
  expect(env).toEqual({ DEFAULT_MODEL: "box/qwen3" });
  expect(JSON.parse(secretEnv.MODEL_SERVERS ?? "")).toEqual([
    { name: "ollama", kind: "ollama", ...ollama },
    { name: "box", ...box },
  ]);
});

describe("refused is", () => {
  test.each<[string, object, string]>([
    [
      "this container's own address",
      { ollama: { url: "http://localhost:11434" } },
      "this host is host.docker.internal",
    ],
    ["the same as a number", { ollama: { url: "http://127.0.0.1:11434" } }, "this host is host.docker.internal"],
    ["an address without http", { ollama: { url: "gpu:11434" } }, "models.ollama.url: must be an address such as"],
    ["a name that is no kind", { box: { url: "http://box" } }, 'models.box.kind: must say which kind "box" is'],
    ["a server without an address", { vllm: { key: "k" } }, "models.vllm.url: is needed by vllm"],
    ["a service without a key", { openai: {} }, "models.openai.key: is needed by openai"],
    ["an address of a service", { openai: { key: "k", url: "http://x" } }, "means nothing to openai, which takes key"],
    ["a second service of a kind", { mine: { kind: "openai", key: "k" } }, "needs the name openai: Letta has one"],
    ["a server under another kind's name", { openai: { kind: "vllm", url: "http://x" } }, "needs another name"],
    ["an unknown key", { ollama: { url: "http://x", base: "y" } }, "thoth-letta:models.ollama.base: no such key"],
    ["a model without its provider", { default: "qwen3" }, 'must be a handle such as "ollama/qwen3:8b"'],
  ])("%s", (_, models, message) => {
    expect(() => parse(models)).toThrow(message);
  });
});

test("the trial model runs while there is no other provider, however one is configured, unless told otherwise", () => {
  const cases: [boolean, object, object][] = [
    [true, {}, {}],
    [true, {}, { env: { LETTA_DEBUG: "true" } }],
    [false, { ollama: { url: "http://x" } }, {}],
    [false, {}, { env: { OLLAMA_BASE_URL: "http://x" } }],
    [false, {}, { secretEnv: { ANTHROPIC_API_KEY: "k" } }],
    [false, { trial: "off" }, {}],
    [true, { trial: "on", ollama: { url: "http://x" } }, {}],
  ];
  for (const [expected, models, rest] of cases) {
    expect(runsTrialModel(parse(models, rest))).toBe(expected);
    expect(wouldRunTrialModel({ models, ...rest })).toBe(expected);
  }
  expect(wouldRunTrialModel({ models: { openai: { key: { secure: "v1:encrypted" } } } })).toBe(false);
  expect(wouldRunTrialModel({ models: { trial: "on", openai: { key: { secure: "v1:encrypted" } } } })).toBe(true);
});
