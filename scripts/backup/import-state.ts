import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseDocument } from "yaml";
import { UserError } from "../../infra/lib/errors.ts";
import { projectName } from "../../infra/lib/names.ts";
import { readAgent } from "../lib/backup-agent/call.ts";
import { type AgentSite, oneOff } from "../lib/backup-agent/stack.ts";
import { type StoredConfig, stateFiles } from "../lib/backup-agent/state.ts";
import type { Deps } from "../lib/deps.ts";
import { writeWhole } from "../lib/whole-file.ts";

const backupKey = `${projectName}:backup`;

/** Reads one of the files in a stack's repository. */
export type ReadStored = (name: string) => Promise<string>;

/**
 * Gives a new stack the config, passwords and keys of an old one.
 *
 * @returns the name of the old one
 */
export async function takeOverSecrets(deps: Deps, stack: string, read: ReadStored): Promise<string> {
  const { config, state } = await readStored(read);
  await takeOverConfig(deps, stack, config, { without: `${projectName}:postgresVolume` });
  await importState(deps, stack, withSecretsAlone(state, config.stack, stack, secretsProvider(deps, stack)));
  return config.stack;
}

/**
 * Gives a stack that lost its state the config and the state from after its last update.
 *
 * @throws UserError when they belong to another stack
 */
export async function takeBackState(deps: Deps, stack: string, read: ReadStored): Promise<void> {
  const { config, state } = await readStored(read);
  if (config.stack !== stack) {
    throw new UserError(`these are backups of stack ${config.stack}, not of ${stack}`, `LETTA_STACK=${config.stack}`);
  }
  // Secrets in its file may be encrypted with the lost passphrase.
  await takeOverConfig(deps, stack, config, { replacesSecrets: true });
  const deployment = { ...state.deployment, secrets_providers: secretsProvider(deps, stack) };
  await importState(deps, stack, { ...state, deployment });
}

/** Reads in a separate container, with the site's recovery key. */
export function storedOf(deps: Deps, site: AgentSite): ReadStored {
  return (name) => readAgent(deps, oneOff(site, { name: "files", args: ["get", name] }));
}

async function readStored(read: ReadStored): Promise<{ config: StoredConfig; state: StackState }> {
  const config = JSON.parse(await read(stateFiles.config)) as StoredConfig;
  return { config, state: JSON.parse(await read(stateFiles.state)) as StackState };
}

async function importState(deps: Deps, stack: string, state: StackState): Promise<void> {
  const input = JSON.stringify(state);
  const { exitCode, stderr } = await deps.$({ nothrow: true, input })`pulumi stack import --stack ${stack}`;
  if (exitCode !== 0) throw new UserError(`the old state could not be imported: ${stderr.trim()}`);
}

/**
 * Adds the old config to the new stack's own, which wins because it is about this machine. The config of backups is merged:
 * the new stack says where the copy is, and the old retention stays.
 */
async function takeOverConfig(
  deps: Deps,
  stack: string,
  { config, secrets }: StoredConfig,
  { without, replacesSecrets = false }: { without?: string; replacesSecrets?: boolean },
): Promise<void> {
  const path = join(deps.projectDirectory, `Pulumi.${stack}.yaml`);
  const document = parseDocument(readFileSync(path, "utf8"));
  const known = (parse(document.toString()) as { config?: Record<string, unknown> } | null)?.config ?? {};
  const isNew = (key: string) => !(key in known) && key !== without;
  for (const [key, value] of Object.entries(config)) {
    if (isNew(key)) document.setIn(["config", key], value);
    else if (key === backupKey) document.setIn(["config", key], { ...(value as object), ...(known[key] as object) });
  }
  await writeWhole(path, document.toString({ lineWidth: 0 }));
  for (const [key, value] of Object.entries(secrets)) {
    if (!replacesSecrets && !isNew(key.replace(/\[.*$/, ""))) continue;
    const flags = ["--secret", "--raw", "--path", "--stack", stack];
    const { exitCode, stderr } = await deps.$({ nothrow: true, input: value })`pulumi config set ${flags} ${key}`;
    if (exitCode !== 0) throw new UserError(`secret ${key} could not be set: ${stderr.trim()}`);
  }
}

/** How this stack's state is encrypted: by a passphrase, with the salt in its config file. */
function secretsProvider({ projectDirectory }: Deps, stack: string): object {
  const file = parse(readFileSync(join(projectDirectory, `Pulumi.${stack}.yaml`), "utf8")) as {
    encryptionsalt?: string;
  };
  if (file.encryptionsalt === undefined) {
    throw new UserError(
      `stack ${stack} does not encrypt with a passphrase`,
      "pulumi stack change-secrets-provider passphrase",
    );
  }
  return { type: "passphrase", state: { salt: file.encryptionsalt } };
}

const isGeneratedSecret = (type: string) =>
  type === "random:index/randomPassword:RandomPassword" || type.endsWith(":login-seeds");

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  readonly parent?: string;
  readonly provider?: string;
  readonly [key: string]: unknown;
}

interface StackState {
  readonly version: number;
  readonly deployment: { readonly resources?: readonly Resource[]; readonly [key: string]: unknown };
}

/**
 * The generated secrets of a stack's state with their parents and their provider, for a stack of another name.
 *
 * Everything else has ids of another machine, and is created by the next update.
 */
export function withSecretsAlone(state: StackState, from: string, to: string, secretsProvider: object): StackState {
  const resources = state.deployment.resources ?? [];
  const byUrn = new Map(resources.map((resource) => [resource.urn, resource]));
  const wanted = new Set<string>();
  const want = (urn: string | undefined) => {
    const resource = byUrn.get(urn ?? "");
    if (resource === undefined || wanted.has(resource.urn)) return;
    wanted.add(resource.urn);
    want(resource.parent);
    // urn::id
    want(resource.provider?.replace(/::[^:]*$/, ""));
  };
  for (const { urn, type } of resources) if (isGeneratedSecret(type)) want(urn);
  const kept = resources
    .filter(({ urn }) => wanted.has(urn))
    .map(({ dependencies: _, propertyDependencies: __, ...rest }) => rest);
  const { manifest, metadata } = state.deployment;
  const text = JSON.stringify({
    version: state.version,
    deployment: { manifest, metadata, secrets_providers: secretsProvider, resources: kept },
  });
  const renamed = text
    .replaceAll(`urn:pulumi:${from}::`, `urn:pulumi:${to}::`)
    .replaceAll(`::pulumi:pulumi:Stack::${projectName}-${from}"`, `::pulumi:pulumi:Stack::${projectName}-${to}"`);
  return JSON.parse(renamed) as StackState;
}
