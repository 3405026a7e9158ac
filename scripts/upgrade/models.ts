import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";
import type { Deps } from "../lib/deps.ts";
import { type Place, queryJson } from "./inventory.ts";

/** A model that agents use and a version of Letta no longer offers. */
export interface VanishedModel {
  readonly handle: string;
  /** How many agents use it. */
  readonly agents: number;
}

/** The handles of all models, for language and for embeddings, that a server offers. */
export async function modelHandles(endpoint: LettaEndpoint): Promise<Set<string>> {
  const paths = ["/v1/models/", "/v1/models/embedding"];
  const lists = await Promise.all(paths.map((path) => lettaJson<{ handle?: string | null }[]>(endpoint, "GET", path)));
  return new Set(lists.flat().flatMap(({ handle }) => handle ?? []));
}

/** Which models that agents use are in `before` and not in `after`. */
export async function vanishedModels(
  deps: Deps,
  place: Place,
  { before, after }: { before: ReadonlySet<string>; after: ReadonlySet<string> },
): Promise<VanishedModel[]> {
  const used = await queryJson<VanishedModel[]>(deps, place, usedModels);
  return used.filter(({ handle }) => before.has(handle) && !after.has(handle));
}

const usedModels = `
select coalesce(json_agg(used order by handle), '[]') from (
  select handle, count(distinct id)::int as agents from agents,
    lateral (values (llm_config->>'handle'), (embedding_config->>'handle')) as model (handle)
  where handle is not null group by handle) used`;
