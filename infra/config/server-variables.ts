const database = "would move Letta to another database, past its migration and backups";
const redis = "is set by the stack, which runs Letta's Redis";
const ownFolder = "has no effect: each run of a tool has its own folder (docs/security.md)";

/**
 * Variables that Letta reads, or the launcher in images/letta, and that would break the server or do nothing -> why, and
 * what to set instead.
 */
export const refusedVariables: Readonly<Record<string, string>> = {
  HOME: "is set by the stack: Letta's files are in a volume there",
  LETTA_DIR: "is set by the stack: Letta's files are in a volume",
  ...Object.fromEntries(
    ["URI", "DB", "USER", "PASSWORD", "HOST", "PORT"].map((name) => [`LETTA_PG_${name}`, database]),
  ),
  LETTA_PG_POOL_SIZE: "is set by thoth-letta:sizes.server.poolSize",
  LETTA_PG_MAX_OVERFLOW: "is set by thoth-letta:sizes.server.maxOverflow",
  LETTA_DISABLE_SQLALCHEMY_POOLING: "would open a connection for each query; see thoth-letta:sizes.server.poolSize",
  LETTA_REDIS_HOST: redis,
  LETTA_REDIS_PORT: redis,
  LETTA_SERVER_SECURE: "would serve everybody without a password",
  LETTA_SERVER_PASSWORD: "has no effect: the password is generated (docs/operations.md)",
  LETTA_NO_DEFAULT_ACTOR: "would refuse every request that names no user, those of `make status` among them",
  LETTA_UVICORN_WORKERS: "has no effect: the number of processes is thoth-letta:sizes.server.workers",
  ACCEPTABLE_ORIGINS: "is set by thoth-letta:allowedOrigins",
  GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: "is set by thoth-letta:contextWindowLimit",
  MCP_ALLOWED_HOSTS: "is set by thoth-letta:mcpHosts",
  MCP_DISABLE_STDIO: "would let projects run programs as Letta's server (docs/security.md)",
  TOOL_EXEC_VENV_NAME: "would take every organization its tools, which run without a venv (docs/security.md)",
  TOOL_EXEC_DIR: ownFolder,
  TOOL_EXEC_AUTORELOAD_VENV: ownFolder,
  MODEL_SERVERS: "is set by thoth-letta:models",
  DEFAULT_MODEL: "is set by thoth-letta:models.default",
  DEFAULT_EMBEDDING: "is set by thoth-letta:models.defaultEmbedding",
  RUNS_PORT: "is set by the stack",
  RUN_WORKERS: "is set by thoth-letta:sizes.server.workers",
  TOOL_LETTA_URL: "is set by the stack",
};
