/** An agent as Letta lists it. */
export interface AgentSummary {
  readonly id: string;
  readonly name: string;
}

/** What finding and creating the agent needs of Letta; every method throws if Letta gives no clear answer. */
export interface AgentDirectory {
  /** False only if Letta itself answers that it does not know the agent. */
  exists(id: string): Promise<boolean>;
  /** Every agent of that name, over all pages, oldest first. */
  named(name: string): AsyncIterable<AgentSummary>;
  /** The model and embedding for a new agent; undefined if Letta offers no model. */
  models(): Promise<AgentModels | undefined>;
  create(name: string, models: AgentModels): Promise<AgentSummary>;
}

/** Handles of the language model and, if there is one, the embedding model. */
export interface AgentModels {
  readonly model: string;
  readonly embedding: string | undefined;
}

/** Remembers across restarts which agent is ours. */
export interface AgentMemory {
  remembered(): Promise<string | undefined>;
  remember(agent: AgentSummary): Promise<void>;
  /** Keeps the id, marked as lost, so that an operator can still look for it. */
  forget(id: string): Promise<void>;
}

/** Result of `ensureAgent`. */
export type AgentOutcome =
  | { readonly state: "ready"; readonly id: string; readonly how: "remembered" | "found" | "created" }
  | { readonly state: "waiting"; readonly reason: string };

/**
 * Finds our agent in Letta, or creates it if there is certainly none.
 *
 * An agent holds all that the assistant has learned; a blank one in its place loses it silently. Thoth takes every error (a
 * timeout, a 401, a 500 while Letta starts) for "no such agent", creates one and forgets the old id. Here only Letta's own
 * "not found" counts: any other error is thrown, nothing changes, and the caller tries again later.
 */
export async function ensureAgent(name: string, directory: AgentDirectory, memory: AgentMemory): Promise<AgentOutcome> {
  const remembered = await memory.remembered();
  if (remembered !== undefined) {
    if (await directory.exists(remembered)) return { state: "ready", id: remembered, how: "remembered" };
    await memory.forget(remembered);
  }
  const found = await firstNamed(name, directory);
  if (found) {
    await memory.remember(found);
    return { state: "ready", id: found.id, how: "found" };
  }
  const models = await directory.models();
  if (!models) return { state: "waiting", reason: "no model configured" };
  const created = await directory.create(name, models);
  await memory.remember(created);
  return { state: "ready", id: created.id, how: "created" };
}

/** The oldest agent of that name: if an older program created several, the first one has what was learned. */
async function firstNamed(name: string, directory: AgentDirectory): Promise<AgentSummary | undefined> {
  for await (const agent of directory.named(name)) {
    // Checked again: a server that ignores the filter returns all agents.
    if (agent.name === name) return agent;
  }
  return undefined;
}
