import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { lettaFetch } from "../../infra/lib/letta/api.ts";

/** What Letta found at one provider, as images/letta/launcher/server_models.py reports it. */
export interface ProviderReport {
  readonly name: string;
  /** Letta's name of its kind. */
  readonly kind: string;
  /** As Letta asks it, from inside its container; null for services without one address. */
  readonly url: string | null;
  /** Handles. */
  readonly models: readonly string[];
  readonly embeddings: readonly string[];
  readonly problem: { readonly cause: Cause; readonly detail: string } | null;
}

/** Why a provider gave nothing. */
export type Cause = "unresolved" | "refused" | "unreachable" | "unauthorized" | "empty" | "not-installed" | "failed";

/** What all providers gave, and the handles of the models of agents that name none. */
export interface ModelsReport {
  readonly providers: readonly ProviderReport[];
  readonly default: string | null;
  readonly defaultEmbedding: string | null;
}

/**
 * What Letta knows of its model providers.
 *
 * @param ask asks all providers now, instead of what the last look found; takes up to 40 s
 */
export async function readModels(endpoint: LettaEndpoint, ask: boolean): Promise<ModelsReport> {
  const response = await lettaFetch(endpoint, "GET", `/v1/admin/models?ask=${ask}`, { timeoutSeconds: ask ? 60 : 2 });
  return (await response.json()) as ModelsReport;
}
