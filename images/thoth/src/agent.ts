/** What can be told about an agent in Letta without asking for more. */
export interface AgentSummary {
  readonly id: string;
  readonly name: string;
}

/** The part of Letta that finding and making the agent needs; every method throws when Letta gives no clear answer. */
export interface AgentDirectory {
  /** False only where Letta itself answers that it knows no such agent. */
  exists(id: string): Promise<boolean>;
  /** Every agent of that name, over all pages, oldest first. */
  named(name: string): AsyncIterable<AgentSummary>;
  /** The model and embedding to make an agent with; undefined where Letta has no model to offer. */
  models(): Promise<AgentModels | undefined>;
  create(name: string, models: AgentModels): Promise<AgentSummary>;
}

/** Handles of the language model and, where there is one, of the embedding model. */
export interface AgentModels {
  readonly model: string;
  readonly embedding: string | undefined;
}

/** Which agent is ours, kept where a restart does not lose it. */
export interface AgentMemory {
  remembered(): Promise<string | undefined>;
  remember(agent: AgentSummary): Promise<void>;
  /** Keeps the id, marked as lost, so that an operator can still look for it. */
  forget(id: string): Promise<void>;
}

/** What `ensureAgent` came to. */
export type AgentOutcome =
  | { readonly state: "ready"; readonly id: string; readonly how: "remembered" | "found" | "created" }
  | { readonly state: "waiting"; readonly reason: string };

/**
 * Finds our agent in Letta, or makes it where it is certain that there is none.
 *
 * An agent is all that the assistant has learned; a blank one in its place loses that silently. Thoth asks "is my agent
 * there?", takes every error for a no (a timeout, a 401, a 500 while Letta starts), makes a new agent and forgets the
 * old one's id. Here nothing but Letta's own "not found" is a no: every error leaves this function as an error and
 * changes nothing, and the caller tries again later.
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

/** The oldest agent of that name: where an older program made several, the first one holds what was learned. */
async function firstNamed(name: string, directory: AgentDirectory): Promise<AgentSummary | undefined> {
  for await (const agent of directory.named(name)) {
    // Compared once more, because a server that does not know the filter answers with everyone.
    if (agent.name === name) return agent;
  }
  return undefined;
}
