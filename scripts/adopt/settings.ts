import { parseLettaConfig } from "../../infra/config/letta.ts";
import { parseThothConfig } from "../../infra/config/thoth.ts";
import { projectName } from "../../infra/lib/names.ts";
import { isSetUp } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { type ConfigChange, changeConfigPaths, namesOf, readConfigFile } from "../lib/stack-file.ts";
import { readLetta } from "../lib/stacks.ts";
import type { Installation } from "./installation.ts";
import type { AdoptionRecord } from "./record.ts";
import { fatesOf } from "./variables.ts";

/** A key that a stack's config gets. */
export interface Setting extends ConfigChange {
  readonly stack: string;
}

/** Where a single user's Obsidian plugin, which sends no token, reaches Letta; the old gateway's port asks for one now. */
const pluginPort = 8285;

/** What the stacks' configs get besides the server's variables. What is configured, or usual, is left out. */
export async function settingsOf(
  deps: Deps,
  { stack, thothStack, old }: Pick<AdoptionRecord, "stack" | "thothStack" | "old">,
): Promise<Setting[]> {
  const of = (name: string, keys: Readonly<Record<string, unknown>>, usual: Readonly<Record<string, unknown>>) =>
    Object.entries(keys).flatMap(([key, value]): Setting[] => {
      const path = key.split(".") as [string, ...string[]];
      const isDue = value !== undefined && value !== valueAt(usual, path);
      return isDue && valueAt(readConfigFile(deps, name), path) === undefined ? [{ stack: name, path, value }] : [];
    });
  const volumePrefix = await chooseVolumePrefix(deps, stack);
  return [
    ...of(stack, { volumePrefix, ...portKeys(old.ports) }, parseLettaConfig({}, stack)),
    ...of(thothStack, thothKeys(deps, thothStack, old), parseThothConfig({}, thothStack, deps.projectDirectory)),
  ];
}

const portKeys = (ports: Readonly<Record<string, number>> = {}) =>
  Object.fromEntries(Object.entries(ports).map(([name, port]) => [`ports.${name}`, port]));

function thothKeys(deps: Deps, stack: string, { thoth }: Installation): Record<string, unknown> {
  if (thoth === undefined) return {};
  const { ports, image, repository, release, roles, ...others } = thoth;
  const configured = readConfigFile(deps, stack);
  const hasImages = [configured.image, configured.repository, configured.roles].some((value) => value !== undefined);
  return {
    ...others,
    ...portKeys({ ...ports, ...(thoth.vaults === undefined ? { letta: pluginPort } : {}) }),
    ...(hasImages ? {} : { image, repository, release, roles }),
  };
}

/** Start of the new volumes' names: another one where the old installation has a volume of the usual names. */
async function chooseVolumePrefix(deps: Deps, stack: string): Promise<string | undefined> {
  if (readConfigFile(deps, stack).volumePrefix !== undefined) return undefined;
  const wasUp = (await isSetUp(deps, stack).catch(() => false)) && (await readLetta(deps, stack)) !== undefined;
  if (wasUp) return undefined;
  const { volumes, postgres } = namesOf(deps, stack);
  const there = await Promise.all(Object.values(volumes).map((name) => deps.engine.volumeExists(name)));
  return there.includes(true) ? postgres.replace(/postgres$/, "adopted") : undefined;
}

/** Puts the old installation's settings into the config of both stacks. What is configured already stays. */
export async function takeSettings(deps: Deps, record: AdoptionRecord): Promise<void> {
  const { stack, thothStack, old } = record;
  const settings = await settingsOf(deps, record);
  const config = readConfigFile(deps, stack);
  const variables = fatesOf(old.variables).flatMap(({ change, isSecret }) =>
    change === undefined || valueAt(config, change.path) !== undefined ? [] : [{ ...change, isSecret }],
  );
  const open = variables.filter(({ isSecret }) => !isSecret).map((change) => withUsualOrigins(stack, change));
  await changeConfigPaths(deps, stack, [...settings.filter((setting) => setting.stack === stack), ...open]);
  for (const { path, value } of variables.filter(({ isSecret }) => isSecret)) {
    const key = `${projectName}:${path.join(".")}`;
    // On standard input: every user of this host can read arguments.
    await deps.$({ input: String(value) })`pulumi config set --secret --path ${key} --stack ${stack}`;
  }
  const ofThoth = settings.filter((setting) => setting.stack === thothStack);
  if (ofThoth.length > 0) await changeConfigPaths(deps, thothStack, ofThoth);
}

function valueAt(config: Readonly<Record<string, unknown>>, path: readonly (string | number)[]): unknown {
  let found: unknown = config;
  for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
  return found;
}

/** The old origins join the usual ones, which Obsidian needs; a pattern such as `*` is no origin. */
function withUsualOrigins(stack: string, { path, value }: ConfigChange): ConfigChange {
  if (path[0] !== "allowedOrigins") return { path, value };
  const { allowedOrigins } = parseLettaConfig({}, stack);
  const old = (value as string[]).filter((origin) => /^[a-z][a-z0-9+.-]*:\/\/[^\s/"';*]+$/i.test(origin));
  return { path, value: [...new Set([...allowedOrigins, ...old])] };
}
