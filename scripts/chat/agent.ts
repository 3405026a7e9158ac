import type Letta from "@letta-ai/letta-client";
import { UserError } from "../../infra/lib/errors.ts";
import type { ModelsReport } from "../models/report.ts";

/**
 * The agent of this name, made if there is none.
 *
 * @param model its model from now on. Default: its own while a provider has it, else the server's default, else the first
 * @throws UserError when there is no model
 */
export async function openAgent(
  client: Letta,
  { name, model, models }: { name: string; model?: string | undefined; models: ModelsReport },
): Promise<{ id: string; model: string }> {
  const first = (kind: "models" | "embeddings") => models.providers.flatMap((provider) => provider[kind])[0];
  const found = await agentNamed(client, name);
  // One that was made on the trial model outlives it. The list has the project's own providers too.
  const isThere = found !== undefined && (await client.models.list()).some(({ handle }) => handle === found.model);
  const chosen = model ?? (isThere ? found.model : undefined) ?? models.default ?? first("models");
  if (chosen === undefined) throw new UserError("Letta has no model", "make models");
  if (found !== undefined) {
    if (found.model !== chosen) await client.agents.update(found.id, { model: chosen });
    return { id: found.id, model: chosen };
  }
  // An agent without one works, but has no archival memory.
  const embedding = models.defaultEmbedding ?? first("embeddings");
  const made = await client.agents.create({
    name,
    model: chosen,
    ...(embedding === undefined ? {} : { embedding }),
    memory_blocks: [
      { label: "persona", value: "I am a helpful assistant. I answer in one or two sentences." },
      { label: "human", value: "Somebody at a terminal." },
    ],
  });
  return { id: made.id, model: chosen };
}

async function agentNamed(client: Letta, name: string): Promise<{ id: string; model?: string | null } | undefined> {
  for await (const agent of client.agents.list({ name, limit: 50 })) {
    // Checked again: a Letta that does not know the filter answers with everything.
    if (agent.name === name) return agent;
  }
  return undefined;
}
