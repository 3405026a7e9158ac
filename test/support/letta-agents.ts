import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";
import { createAgent, say } from "./conversation.ts";

/** Makes agents that know something: a block, a passage, and a few messages each. @returns their ids, in order */
export async function populateLetta(endpoint: LettaEndpoint, modelPort: number, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number++) {
    const id = await createAgent(endpoint, modelPort);
    const block = { label: `notes-${number}`, value: `what agent ${number} remembers` };
    const made = await lettaJson<{ id: string }>(endpoint, "POST", "/v1/blocks/", block);
    await lettaJson(endpoint, "PATCH", `/v1/agents/${id}/core-memory/blocks/attach/${made.id}`);
    await lettaJson(endpoint, "POST", `/v1/agents/${id}/archival-memory`, { text: `fact ${number}` });
    await say(endpoint, id, `hello ${number}`);
    ids.push(id);
  }
  return ids.sort();
}

/** The ids of all agents that Letta lists. */
export async function agentIds(endpoint: LettaEndpoint): Promise<string[]> {
  const agents = await lettaJson<{ id: string }[]>(endpoint, "GET", "/v1/agents/?limit=1000");
  return agents.map(({ id }) => id).sort();
}
