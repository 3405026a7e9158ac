import { refusedVariables } from "../../infra/config/server-variables.ts";
import type { ConfigChange } from "../lib/stack-file.ts";

/** What becomes of one variable of the old Letta server. */
export interface Fate {
  readonly name: string;
  readonly fate: "taken" | "renamed" | "not needed";
  /** The key it goes to, or why it is not needed. */
  readonly why: string;
  readonly change?: ConfigChange | undefined;
  /** The change's value is for no eye. */
  readonly isSecret: boolean;
}

/** Variables for which there is a config key -> its path, and the value from the text. */
const keys: Readonly<Record<string, { path: ConfigChange["path"]; read: (text: string) => unknown }>> = {
  ACCEPTABLE_ORIGINS: { path: ["allowedOrigins"], read: (text) => originsOf(text) },
  LETTA_SERVER_CORS_ORIGINS: { path: ["allowedOrigins"], read: (text) => originsOf(text) },
  LETTA_PG_POOL_SIZE: { path: ["sizes", "server", "poolSize"], read: Number },
  LETTA_PG_MAX_OVERFLOW: { path: ["sizes", "server", "maxOverflow"], read: Number },
  GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: { path: ["contextWindowLimit"], read: Number },
};

/** Those of upstream's compose and env files that mean nothing here. */
const unneeded: Readonly<Record<string, string>> = {
  LETTA_SERVER_HOST: "thoth-letta:bindAddress says who reaches the port",
  LETTA_SERVER_PORT: "thoth-letta:ports.server is the port on this host",
  LETTA_DATA_DIR: "Letta's files are in a volume",
  LETTA_ENVIRONMENT: "Letta itself does not use it",
  HOST: "thoth-letta:bindAddress says who reaches the port",
  PORT: "thoth-letta:ports.server is the port on this host",
  SECURE: "the server always asks for its password",
  LETTA_SANDBOX_MOUNT_PATH: "each run of a tool has its own folder",
  ...Object.fromEntries(
    [
      ...["LETTA_SERVER_LOG_LEVEL", "OPENAI_EMBEDDING_API_KEY", "COHERE_API_KEY", "HUGGINGFACE_API_KEY"],
      ...[
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_VERSION",
        "TEXTGEN_WEBUI_URL",
        "LM_STUDIO_URL",
      ],
      ...["QDRANT_HOST", "QDRANT_PORT", "QDRANT_API_KEY", "PINECONE_ENVIRONMENT", "WEAVIATE_URL", "WEAVIATE_API_KEY"],
      ...["LANGSMITH_API_KEY", "LANGSMITH_PROJECT", "WANDB_API_KEY", "WANDB_PROJECT"],
    ].map((name) => [name, "Letta does not read it"]),
  ),
  LETTA_PG_POOL_TIMEOUT: "Letta's own default is the same",
  LETTA_PG_POOL_RECYCLE: "Letta's own default is the same",
  THOTH_MCP_URL: "the thoth stack registers its MCP server",
  THOTH_MCP_SERVICE_TOKEN: "the thoth stack generates it",
  POSTGRES_USER: "the stack has its own Postgres",
  POSTGRES_PASSWORD: "the stack generates every password",
  POSTGRES_DB: "the stack has its own Postgres",
  PGDATA: "the stack has its own Postgres",
};

const secretName = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/;
const originsOf = (text: string) => text.split(",").flatMap((origin) => origin.trim() || []);

/** What becomes of each variable, by name. */
export function fatesOf(variables: Readonly<Record<string, string>>): Fate[] {
  return Object.entries(variables)
    .toSorted()
    .map(([name, value]) => fateOf(name, value));
}

function fateOf(name: string, value: string): Fate {
  const isSecret = secretName.test(name);
  const not = (why: string): Fate => ({ name, fate: "not needed", why, isSecret });
  if (value === "") return not("is empty");
  const key = keys[name];
  if (key !== undefined) {
    const change = { path: key.path, value: key.read(value) };
    return { name, fate: "renamed", why: `thoth-letta:${key.path.join(".")}`, change, isSecret };
  }
  const reason = unneeded[name] ?? (Object.hasOwn(refusedVariables, name) ? refusedVariables[name] : undefined);
  if (reason !== undefined) return not(reason);
  const group = isSecret ? "secretEnv" : "env";
  return { name, fate: "taken", why: `thoth-letta:${group}.${name}`, change: { path: [group, name], value }, isSecret };
}
