import type Letta from "@letta-ai/letta-client";
import { expect, test } from "vitest";
import { openAgent } from "../../../../scripts/chat/agent.ts";
import type { ModelsReport } from "../../../../scripts/models/report.ts";

const provider = { name: "box", kind: "vllm", url: "http://box/v1", problem: null };
const offered = (models: string[], defaults: Partial<ModelsReport> = {}): ModelsReport => ({
  providers: [{ ...provider, models, embeddings: [] }],
  ...{ default: null, defaultEmbedding: null, ...defaults },
});

/** A stand-in for Letta's client: it has these agents, and notes what it is asked to change. */
function fakeClient(agents: { id: string; name: string; model: string }[], handles: string[] = []) {
  const changes: unknown[] = [];
  const client = {
    models: { list: async () => handles.map((handle) => ({ handle })) },
    agents: {
      list: async function* () {
        yield* agents;
      },
      update: async (id: string, change: object) => changes.push({ id, ...change }),
      create: async ({ name, model, embedding }: { name: string; model: string; embedding?: string }) => {
        changes.push({ name, model, embedding });
        return { id: "new" };
      },
    },
  };
  return { client: client as unknown as Letta, changes };
}

const onTrial = [
  { id: "agent-1", name: "other", model: "box/a" },
  { id: "agent-2", name: "chat", model: "trial/smollm2-135m" },
];

test.each([
  [
    "keeps its model while a provider has it",
    offered(["box/a", "trial/smollm2-135m"]),
    undefined,
    "trial/smollm2-135m",
    [],
  ],
  ["gets another when its own is gone", offered(["box/a"]), undefined, "box/a", [{ id: "agent-2", model: "box/a" }]],
  ["gets the model it is told", offered(["box/a"]), "box/b", "box/b", [{ id: "agent-2", model: "box/b" }]],
])("an agent %s", async (_, models, model, expected, changed) => {
  const { client, changes } = fakeClient(onTrial, models.providers[0]?.models.slice());
  expect(await openAgent(client, { name: "chat", model, models })).toEqual({ id: "agent-2", model: expected });
  expect(changes).toEqual(changed);
});

test("a new agent has the server's defaults, else the first model; without one it is not made", async () => {
  const { client, changes } = fakeClient([]);
  await openAgent(client, {
    name: "chat",
    models: offered(["box/a"], { default: "box/d", defaultEmbedding: "box/e" }),
  });
  await openAgent(client, { name: "chat", models: offered(["box/a"]) });
  expect(changes).toEqual([
    { name: "chat", model: "box/d", embedding: "box/e" },
    { name: "chat", model: "box/a", embedding: undefined },
  ]);
  await expect(openAgent(client, { name: "chat", models: offered([]) })).rejects.toThrow("Letta has no model");
});
