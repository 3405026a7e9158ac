import * as pulumi from "@pulumi/pulumi";

/** Where the vault is mounted in every role's container. */
export const vaultPath = "/vault";
/** Where the folder of the users' vaults is mounted in multi-user mode. */
export const vaultsPath = "/vaults";
/** Where the letta-data volume is mounted, read-only. */
export const lettaDataPath = "/letta-data";

/** The secrets from the letta stack. */
export interface LettaCredentials {
  /** What the gateway knows this project by; Thoth calls it Letta's password. */
  readonly token: pulumi.Input<string>;
  readonly databaseUrl: pulumi.Input<string>;
  readonly encryptionKey: pulumi.Input<string>;
}

/** The environment without secrets. Thoth's modules read Letta's URL from five different names. */
export function thothEnvironment(lettaUrl: string, mcpUrl: string, isMultiUser: boolean): Record<string, string> {
  return {
    ...(isMultiUser ? { THOTH_MULTI_USER: "true", THOTH_VAULTS_ROOT: vaultsPath } : {}),
    OBSIDIAN_VAULT_PATH: vaultPath,
    THOTH_SETTINGS_FILE: `${vaultPath}/thoth/_thoth/settings.json`,
    HOME: `${vaultPath}/thoth/_thoth`,
    THOTH_DOCKER: "1",
    DOCKER_ENV: "true",
    THOTH_LETTA_URL: lettaUrl,
    LETTA_BASE_URL: lettaUrl,
    LETTA_URL: lettaUrl,
    LETTA_SERVER_URL: lettaUrl,
    THOTH_LETTA_SERVER_URL: lettaUrl,
    THOTH_MCP_URL: mcpUrl,
  };
}

/** The pairs of names under which Thoth's modules look for the same API key. */
const keyTwins: readonly (readonly [string, string])[] = [
  ["OPENROUTER_API_KEY", "API_OPENROUTER_KEY"],
  ["MISTRAL_API_KEY", "API_MISTRAL_KEY"],
  ["GOOGLE_API_KEY", "API_GOOGLE_KEY"],
  ["SEMANTIC_SCHOLAR_API_KEY", "API_SEMANTIC_SCHOLAR_KEY"],
];

/** Sets both names of each key that is given under one. */
export function withKeyTwins(env: Readonly<Record<string, string>>): Record<string, string> {
  const filled = { ...env };
  for (const [first, second] of keyTwins) {
    const value = env[first] ?? env[second];
    if (value === undefined) continue;
    filled[first] ??= value;
    filled[second] ??= value;
  }
  return filled;
}

/** The operator's secret variables. */
export interface OperatorSecrets {
  /** From the env file. The stack's values win, as Thoth's own `.env` names another installation's database. */
  readonly file: Readonly<Record<string, string>>;
  /** From the config: these win over everything. */
  readonly config: Readonly<Record<string, string>>;
  /** Names that are set without secrecy; the env file must not change them either. */
  readonly setInTheOpen: readonly string[];
}

/** The secret environment: the letta stack's secrets, under every name that Thoth reads, and the operator's. */
export function thothSecrets(
  letta: LettaCredentials,
  mcpToken: pulumi.Input<string>,
  operator: OperatorSecrets,
): Record<string, pulumi.Input<string>> {
  const own = stackSecrets(letta, mcpToken);
  const ignored = ignoredNames(operator.file, operator.setInTheOpen);
  const ofFile = Object.entries(withKeyTwins(operator.file)).filter(([name]) => !ignored.includes(name));
  return { ...own, ...wrap(Object.fromEntries(ofFile)), ...wrap(withKeyTwins(operator.config)) };
}

/** Names of the env file that do not count, since the stack sets them. */
export function ignoredNames(file: Readonly<Record<string, string>>, setInTheOpen: readonly string[]): string[] {
  const names = [...setInTheOpen, ...stackSecretNames];
  return Object.keys(file).filter((name) => names.includes(name));
}

function wrap(env: Readonly<Record<string, string>>): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, pulumi.secret(value)]));
}

/** Secrets that are the stack's alone. An env file has those of another installation. */
const stackSecretNames = [
  "DATABASE_URL",
  "LETTA_SERVER_PASSWORD",
  "LETTA_SERVER_PASS",
  "LETTA_API_KEY",
  "LETTA_TOKEN",
  "THOTH_MCP_SERVICE_TOKEN",
] as const;

function stackSecrets(letta: LettaCredentials, mcpToken: pulumi.Input<string>): Record<string, pulumi.Input<string>> {
  const { token } = letta;
  const fixed: Record<(typeof stackSecretNames)[number], pulumi.Input<string>> = {
    DATABASE_URL: letta.databaseUrl,
    LETTA_SERVER_PASSWORD: token,
    LETTA_SERVER_PASS: token,
    LETTA_API_KEY: token,
    LETTA_TOKEN: token,
    THOTH_MCP_SERVICE_TOKEN: mcpToken,
  };
  return {
    ...fixed,
    // The operator's own wins: what it has encrypted is of no use without it.
    WORKFLOW_ENCRYPTION_KEY: pulumi.secret(pulumi.output(letta.encryptionKey).apply(fernetKey)),
    // Without one, a single user's MCP server answers everyone on letta-network. The service token alone does not close it.
    THOTH_MCP_AUTH_TOKEN: mcpToken,
  };
}

/** URL-safe base64 of 32 bytes with its padding, which Python insists on. */
function fernetKey(key: string): string {
  return key.padEnd(44, "=");
}
