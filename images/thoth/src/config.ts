import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import manifest from "../package.json" with { type: "json" };
import { AliasReader } from "./environment.ts";

/** How this program identifies itself everywhere, so that nobody mistakes it for Thoth. */
export const ABOUT = {
  name: "thoth",
  standIn: true,
  version: manifest.version,
  notice: "This is a stand-in with Thoth's contract, not Thoth itself.",
} as const;

/** The image's programs, selected by its command. */
export const ROLES = ["api", "mcp", "discovery", "monitor"] as const;

/** One of these programs. */
export type Role = (typeof ROLES)[number];

/** Default ports, the same as Thoth's. */
export const PORTS: Readonly<Record<Role, number>> = { api: 8000, mcp: 8001, discovery: 8002, monitor: 8003 };

/** Both families of key names that Thoth reads; the stand-in only reports which are set. */
const API_KEY_NAMES = [
  ...["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY"],
  ...["SEMANTIC_SCHOLAR_API_KEY", "SERPER_API_KEY", "BRAVE_API_KEY"],
  ...["API_OPENROUTER_KEY", "API_GOOGLE_KEY", "API_MISTRAL_KEY"],
  ...["API_SEMANTIC_SCHOLAR_KEY", "API_OPENCITATIONS_KEY", "API_WEB_SEARCH_KEY"],
] as const;

const LETTA_URL_NAMES = [
  "THOTH_LETTA_URL",
  "LETTA_BASE_URL",
  "LETTA_URL",
  "LETTA_SERVER_URL",
  "THOTH_LETTA_SERVER_URL",
];
const LETTA_TOKEN_NAMES = ["LETTA_SERVER_PASSWORD", "LETTA_SERVER_PASS", "LETTA_API_KEY", "LETTA_TOKEN"];

/** Thoth uses Python's names of levels; the log library has different ones. */
const LOG_LEVELS = { DEBUG: "debug", INFO: "info", WARNING: "warn", ERROR: "error", CRITICAL: "fatal" } as const;

const port = z.coerce.number().int().min(1).max(65535);
const absolutePath = z.string().refine(isAbsolute, "must be an absolute path");
const httpUrl = z.url({ protocol: /^https?$/, error: "must be a URL that starts with http:// or https://" });

const schema = z.object({
  databaseUrl: z.url({
    protocol: /^postgres(ql)?$/,
    error: "must be a URL like postgresql://user:password@host:5432/name",
  }),
  databaseAuthority: absolutePath.optional(),
  lettaUrl: httpUrl.optional(),
  lettaToken: z.string().optional(),
  mcpUrl: httpUrl.optional(),
  mcpServiceToken: z.string().optional(),
  mcpAuthToken: z.string().optional(),
  // Thoth's other programs use the same name to find the MCP server; only an address can be meant for listening.
  mcpHost: z
    .string()
    .transform((host) => (isIP(host) === 0 ? "0.0.0.0" : host))
    .default("0.0.0.0"),
  mcpPort: port.default(PORTS.mcp),
  vault: absolutePath.default("/vault"),
  settingsFile: absolutePath.optional(),
  logLevel: z
    .string()
    .toUpperCase()
    .pipe(z.enum(Object.keys(LOG_LEVELS) as (keyof typeof LOG_LEVELS)[]))
    .default("INFO"),
  agentName: z.string().max(100).default("thoth-assistant"),
  agentModel: z.string().optional(),
  agentEmbedding: z.string().optional(),
  discoveryInterval: z.coerce.number().positive().max(86_400).default(60),
  isFaithful: z.stringbool().default(false),
  startSeconds: z.coerce.number().min(0).default(40),
});

type Field = keyof z.infer<typeof schema>;

/** Environment variables that set a field; messages use the first. */
const NAMES: Readonly<Record<Field, readonly string[]>> = {
  databaseUrl: ["DATABASE_URL"],
  // libpq's name, which Python's drivers use.
  databaseAuthority: ["PGSSLROOTCERT"],
  lettaUrl: LETTA_URL_NAMES,
  lettaToken: LETTA_TOKEN_NAMES,
  mcpUrl: ["THOTH_MCP_URL"],
  mcpServiceToken: ["THOTH_MCP_SERVICE_TOKEN"],
  mcpAuthToken: ["THOTH_MCP_AUTH_TOKEN"],
  mcpHost: ["MCP_HOST", "THOTH_MCP_HOST"],
  mcpPort: ["MCP_HTTP_PORT", "THOTH_MCP_PORT"],
  vault: ["OBSIDIAN_VAULT_PATH"],
  settingsFile: ["THOTH_SETTINGS_FILE"],
  logLevel: ["THOTH_LOG_LEVEL"],
  agentName: ["THOTH_AGENT_NAME"],
  agentModel: ["THOTH_AGENT_MODEL"],
  agentEmbedding: ["THOTH_AGENT_EMBEDDING"],
  discoveryInterval: ["THOTH_DISCOVERY_INTERVAL"],
  isFaithful: ["THOTH_STAND_IN_FAITHFUL"],
  startSeconds: ["THOTH_STAND_IN_START_SECONDS"],
};

/** The complete, validated configuration of a role. */
export type Config = ReturnType<typeof parseConfig>;

/** The environment is invalid; the message lists all mistakes. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * Reads the environment; an empty value counts as unset.
 * @throws ConfigError with all mistakes, without values that may be secret
 */
export function parseConfig(role: Role, environment: NodeJS.ProcessEnv) {
  const reader = new AliasReader(environment);
  const fields = Object.entries(NAMES) as [Field, readonly string[]][];
  const raw = Object.fromEntries(fields.map(([field, names]) => [field, reader.read(names)]));
  const parsed = schema.safeParse(raw);
  const mistakes = [...reader.mistakes, ...(parsed.success ? [] : parsed.error.issues.map(explain))];
  if (role === "api" && raw.lettaUrl === undefined) mistakes.push("THOTH_LETTA_URL: is missing");
  if (!parsed.success || mistakes.length > 0) {
    throw new ConfigError(
      `The environment of "thoth ${role}" has mistakes:\n${mistakes.map((text) => `  ${text}`).join("\n")}`,
    );
  }
  const { data } = parsed;
  return {
    ...data,
    logLevel: LOG_LEVELS[data.logLevel],
    settingsFile: data.settingsFile ?? join(data.vault, "thoth/_thoth/settings.json"),
    apiKeys: Object.fromEntries(API_KEY_NAMES.map((name) => [name, reader.read([name]) !== undefined])),
  } as const;
}

function explain(issue: z.core.$ZodIssue): string {
  const name = NAMES[issue.path[0] as Field][0];
  const isMissing =
    issue.code === "invalid_format" || issue.code === "invalid_type" ? issue.input === undefined : false;
  return `${name}: ${isMissing ? "is missing" : issue.message}`;
}
