import type Letta from "@letta-ai/letta-client";
import { UserError } from "../../infra/lib/errors.ts";
import type { ModelsReport } from "../models/report.ts";

/**
 * The agent of this name, made if there is none.
 *
 * @param model its model from now on. Default: of a new agent the server's default, else the first one of `models`
 * @throws UserError when there is no model
 */
export async function openAgent(
  client: Letta,
  { name, model, models }: { name: string; model?: string | undefined; models: ModelsReport },
): Promise<{ id: string; model: string }> {
  for await (const agent of client.agents.list({ name, limit: 50 })) {
    // Checked again: a Letta that does not know the filter answers with everything.
    if (agent.name !== name) continue;
    if (model !== undefined && agent.model !== model) await client.agents.update(agent.id, { model });
    return { id: agent.id, model: model ?? agent.model ?? "unknown" };
  }
  const first = (kind: "models" | "embeddings") => models.providers.flatMap((provider) => provider[kind])[0];
  const chosen = model ?? models.default ?? first("models");
  if (chosen === undefined) throw new UserError("Letta has no model", "make models");
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
