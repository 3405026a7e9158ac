import type { LettaConfig } from "../config/letta.ts";
import { runsTrialModel, variablesOf } from "../config/models.ts";
import { aliases, modelPorts } from "../lib/names.ts";

type ModelConfig = Pick<LettaConfig, "models" | "env" | "secretEnv">;

/** A server as images/letta/launcher/server_model_kinds.py reads it. */
interface ModelServer {
  readonly name: string;
  readonly kind: string;
  readonly url: string;
  readonly key?: string | undefined;
  readonly contextWindow?: number | undefined;
}

/** The trial model's two servers: llama.cpp chats or embeds. Names and ports as in images/model/serve.py. */
const trialServers: readonly ModelServer[] = [
  { name: "trial", kind: "openai-compatible", url: `http://${aliases.model}:${modelPorts.chat}` },
  { name: "trial-embedding", kind: "openai-compatible", url: `http://${aliases.model}:${modelPorts.embedding}` },
];
const trialDefaults = { model: "trial/smollm2-135m", embedding: "trial-embedding/smollm2-135m-embedding" };

/** The Letta server's environment for `thoth-letta:models`: the secret part holds each key. */
export function modelEnvironment(config: ModelConfig): {
  env: Record<string, string>;
  secretEnv: Record<string, string>;
} {
  const { models } = config;
  const isTrial = runsTrialModel(config);
  const model = models.default ?? (isTrial ? trialDefaults.model : undefined);
  const embedding = models.defaultEmbedding ?? (isTrial ? trialDefaults.embedding : undefined);
  const entries = Object.entries(models.providers);
  const own = entries.flatMap(([name, provider]): ModelServer[] => {
    const { kind, url, key, contextWindow } = provider;
    return url === undefined || variablesOf(provider) !== undefined ? [] : [{ name, kind, url, key, contextWindow }];
  });
  const servers = [...own, ...(isTrial ? trialServers : [])];
  return {
    env: {
      ...(model === undefined ? {} : { DEFAULT_MODEL: model }),
      ...(embedding === undefined ? {} : { DEFAULT_EMBEDDING: embedding }),
    },
    secretEnv: {
      ...Object.assign({}, ...entries.map(([, provider]) => variablesOf(provider) ?? {})),
      ...(servers.length === 0 ? {} : { MODEL_SERVERS: JSON.stringify(servers) }),
    },
  };
}
