import { describe, expect, test } from "vitest";
import * as agents from "../../../images/thoth/src/agent.ts";

/** A Letta with these agents, which notes what it was asked to make. */
function fakeLetta(known: readonly agents.AgentSummary[], overrides: Partial<agents.AgentDirectory> = {}) {
  const created: string[] = [];
  const directory: agents.AgentDirectory = {
    exists: async (id) => known.some((agent) => agent.id === id),
    async *named() {
      yield* known;
    },
    models: async () => ({ model: "openai-proxy/scripted-model", embedding: undefined }),
    create: async (name) => {
      created.push(name);
      return { id: "agent-new", name };
    },
    ...overrides,
  };
  return { directory, created };
}

function fakeMemory(id?: string) {
  const state = { id, lost: [] as string[] };
  const memory: agents.AgentMemory = {
    remembered: async () => state.id,
    remember: async (agent) => {
      state.id = agent.id;
    },
    forget: async (lostId) => {
      state.lost.push(lostId);
      state.id = undefined;
    },
  };
  return { memory, state };
}

const ensure = (letta: ReturnType<typeof fakeLetta>, known: ReturnType<typeof fakeMemory>) =>
  agents.ensureAgent("thoth-assistant", letta.directory, known.memory);

describe("ensureAgent", () => {
  test("creates an agent if there is none, and remembers it", async () => {
    const letta = fakeLetta([]);
    const known = fakeMemory();
    expect(await ensure(letta, known)).toEqual({ state: "ready", id: "agent-new", how: "created" });
    expect(known.state.id).toBe("agent-new");
  });

  test("uses the remembered agent without looking further", async () => {
    const letta = fakeLetta([{ id: "agent-1", name: "renamed" }]);
    expect(await ensure(letta, fakeMemory("agent-1"))).toEqual({ state: "ready", id: "agent-1", how: "remembered" });
    expect(letta.created).toEqual([]);
  });

  test("never replaces the agent on an error", async () => {
    const letta = fakeLetta([], { exists: () => Promise.reject(new Error("503")) });
    const known = fakeMemory("agent-1");
    await expect(ensure(letta, known)).rejects.toThrow("503");
    expect(letta.created).toEqual([]);
    expect(known.state).toEqual({ id: "agent-1", lost: [] });
  });

  test("replaces it only if Letta says that it is gone, and keeps the lost id", async () => {
    const letta = fakeLetta([]);
    const known = fakeMemory("agent-1");
    expect(await ensure(letta, known)).toMatchObject({ id: "agent-new", how: "created" });
    expect(known.state.lost).toEqual(["agent-1"]);
  });

  test("finds an agent by name behind others", async () => {
    const letta = fakeLetta([
      { id: "agent-1", name: "other" },
      { id: "agent-ours", name: "thoth-assistant" },
    ]);
    expect(await ensure(letta, fakeMemory())).toEqual({ state: "ready", id: "agent-ours", how: "found" });
    expect(letta.created).toEqual([]);
  });

  test("creates none if the list breaks off", async () => {
    const letta = fakeLetta([], {
      async *named() {
        yield { id: "agent-0", name: "other" };
        throw new Error("page 2 failed");
      },
    });
    await expect(ensure(letta, fakeMemory())).rejects.toThrow("page 2 failed");
    expect(letta.created).toEqual([]);
  });

  test("waits if Letta has no model", async () => {
    const letta = fakeLetta([], { models: async () => undefined });
    expect(await ensure(letta, fakeMemory())).toEqual({ state: "waiting", reason: "no model configured" });
    expect(letta.created).toEqual([]);
  });
});
