import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LettaEndpoint, lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";
import { chatModel, type FakeOllama, startFakeOllama } from "../support/fake-ollama.ts";
import { freePorts } from "../support/free-places.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { modelKey } from "../support/test-run.ts";

const stacks = sharedStacks();
const server = `${stacks.letta}-server`;
let project: LettaEndpoint;
let port: number;
let ollama: FakeOllama | undefined;
let startedAt: string | undefined;

const handles = async (path = "") =>
  (await lettaJson<{ handle: string }[]>(project, "GET", `/v1/models/${path}`)).map(({ handle }) => handle);
const models = () => stacks.command(["models"]);
const start = async (host?: string) => {
  ollama = await startFakeOllama({ port, ...(host === undefined ? {} : { host }) });
};
const stop = async () => {
  await ollama?.close();
  ollama = undefined;
};

beforeAll(async () => {
  [port = 0] = await freePorts(1);
  // The address as people type it, with a slash at the end.
  stacks.configure(stacks.letta, { models: { trial: "on", ollama: { url: `http://host.docker.internal:${port}/` } } });
  await stacks.up(stacks.letta);
  project = await stacks.projectEndpoint();
  startedAt = (await stacks.containers(stacks.letta))[server]?.startedAt;
});

afterAll(async () => {
  await stop();
  stacks.configure(stacks.letta, { models: { trial: "off" } });
  await stacks.up(stacks.letta);
});

describe("the trial model", () => {
  test("answers in the terminal, without a key, and says what it is", async () => {
    const { exitCode, stdout } = await stacks.command(["chat"], { input: "What is the capital of France?\n" });
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining("model trial/smollm2-135m")]);
    const [, , ...answer] = stdout.trim().split("\n");
    expect(stdout).toContain("a tiny model for trying out");
    expect(answer.join(" ")).toMatch(/\w+ \w+/);
  });

  test("is the default of agents that name no model, and finds a memory by its meaning", async () => {
    const { id } = await lettaJson<{ id: string }>(project, "POST", "/v1/agents/", { name: "on-trial" });
    for (const text of ["Paris is the capital of France.", "Postgres archives its log every minute."]) {
      await lettaJson(project, "POST", `/v1/agents/${id}/archival-memory`, { text });
    }
    const search = `/v1/agents/${id}/archival-memory/search?top_k=1&query=${encodeURIComponent("Which city is France's capital?")}`;
    const { results } = await lettaJson<{ results: { content: string }[] }>(project, "GET", search);
    expect(results.map(({ content }) => content)).toEqual(["Paris is the capital of France."]);
    await lettaFetch(project, "DELETE", `/v1/agents/${id}`);
  });
});

describe("an Ollama that starts after Letta", () => {
  test("is missed: models and status are red and say why", async () => {
    const { exitCode, stdout } = await models();
    expect(exitCode).toBe(1);
    expect(stdout).toContain(`models: ollama gives nothing: nothing listens at host.docker.internal:${port}`);
    const status = await stacks.command(["letta", "status"]);
    expect([status.exitCode, status.stdout]).toEqual([1, expect.stringContaining("models: ollama gives nothing")]);
  });

  test("is said to listen on the wrong address while it does", async () => {
    await start("127.0.0.1");
    expect((await models()).stdout).toContain("it listens on 127.0.0.1 only, where no container reaches it");
    await stop();
  });

  test("is found without a restart, and so is a model that appears, goes and returns", async () => {
    await start();
    await expect.poll(() => handles(), { timeout: 60_000 }).toContain("ollama/qwen3:4b");
    expect(await handles("embedding")).toContain("ollama/nomic-embed-text:latest");
    const another = { ...chatModel, name: "another:1b" };
    for (const present of [[chatModel, another], [chatModel], [chatModel, another]]) {
      if (ollama) ollama.models = [...present, ...ollama.models.filter(({ name }) => name.startsWith("nomic"))];
      expect((await models()).exitCode).toBe(0);
      expect(await handles()).toEqual(expect.arrayContaining(present.map(({ name }) => `ollama/${name}`)));
      expect((await handles()).includes("ollama/another:1b")).toBe(present.includes(another));
    }
    expect((await stacks.containers(stacks.letta))[server]?.startedAt).toBe(startedAt);
  });

  test("answers an agent and embeds its memories, and never sees another provider's key", async () => {
    const agent = { name: "on-ollama", model: "ollama/qwen3:4b", embedding: "ollama/nomic-embed-text:latest" };
    const { id } = await lettaJson<{ id: string }>(project, "POST", "/v1/agents/", agent);
    const said = { messages: [{ role: "user", content: "who are you?" }] };
    const { messages } = await lettaJson<{ messages: unknown[] }>(project, "POST", `/v1/agents/${id}/messages`, said);
    expect(JSON.stringify(messages)).toContain("I am a fake Ollama.");
    await lettaJson(project, "POST", `/v1/agents/${id}/archival-memory`, { text: "a memory" });
    await lettaFetch(project, "DELETE", `/v1/agents/${id}`);
    const paths = ollama?.requests.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(["POST /v1/chat/completions", "POST /v1/embeddings"]));
    expect(JSON.stringify(ollama?.requests)).not.toContain(modelKey);
  });
});

describe("a project's own provider", () => {
  type Provider = { id: string; name: string; api_key_enc: string | null };
  const own = () => ({
    ...{ name: "my-models", provider_type: "openai", api_key: "sk-of-the-project-1234" },
    base_url: `http://host.docker.internal:${port}/v1`,
  });
  const status = async (method: string, path: string) =>
    lettaFetch(project, method, path).then(
      (response) => response.status,
      (error: { status: number }) => error.status,
    );

  test("can be checked, made, checked again, refreshed, read back masked, changed and deleted", async () => {
    const { name: _, ...check } = own();
    await lettaFetch(project, "POST", "/v1/providers/check", { body: check });
    const made = await lettaJson<Provider>(project, "POST", "/v1/providers/", own());
    const path = `/v1/providers/${made.id}`;
    await lettaFetch(project, "POST", `${path}/check`);
    await lettaFetch(project, "PATCH", `${path}/refresh`);
    const read = await lettaJson<Provider>(project, "GET", path);
    expect([made, read].map(({ api_key_enc }) => api_key_enc)).toEqual(["****1234", "****1234"]);
    await lettaFetch(project, "PATCH", path, { body: { api_key: "sk-of-the-project-5678" } });
    expect((await lettaJson<Provider>(project, "GET", path)).api_key_enc).toBe("****5678");
    await lettaFetch(project, "DELETE", path);
    expect(await status("GET", path)).toBe(404);
  });

  test("is all that it sees: the operator's have their names in handles and nothing else", async () => {
    const names = (await lettaJson<Provider[]>(project, "GET", "/v1/providers/")).map(({ name }) => name);
    expect(names).not.toContain("ollama");
    const id = await stacks.psql("select id from providers where name = 'ollama' and not is_deleted", "letta");
    const asked = [
      ["GET", ""],
      ["POST", "/check"],
      ["PATCH", "/refresh"],
      ["DELETE", ""],
    ] as const;
    for (const [method, end] of asked) expect(await status(method, `/v1/providers/${id}${end}`)).toBe(404);
  });
});
