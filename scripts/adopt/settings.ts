import { parseLettaConfig } from "../../infra/config/letta.ts";
import { projectName } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { type ConfigChange, changeConfigFile, changeConfigPaths, readConfigFile } from "../lib/stack-file.ts";
import { chooseVolumePrefix } from "./plan.ts";
import type { AdoptionRecord } from "./record.ts";
import { fatesOf } from "./variables.ts";

/** Puts the old installation's settings into the config of both stacks. What is configured already stays. */
export async function takeSettings(deps: Deps, { stack, thothStack, old }: AdoptionRecord): Promise<void> {
  const volumePrefix = await chooseVolumePrefix(deps, stack);
  if (volumePrefix !== undefined) await changeConfigFile(deps, stack, { volumePrefix });
  const wanted = fatesOf(old.variables).flatMap(({ change, isSecret }) =>
    change === undefined || isConfigured(readConfigFile(deps, stack), change.path) ? [] : [{ ...change, isSecret }],
  );
  const open = wanted.filter(({ isSecret }) => !isSecret);
  await changeConfigPaths(
    deps,
    stack,
    open.map((change) => withUsualOrigins(stack, change)),
  );
  for (const { path, value } of wanted.filter(({ isSecret }) => isSecret)) {
    const key = `${projectName}:${path.join(".")}`;
    // On standard input: every user of this host can read arguments.
    await deps.$({ input: String(value) })`pulumi config set --secret --path ${key} --stack ${stack}`;
  }
  const ofThoth = Object.entries({ vault: old.vault, envFile: old.envFile });
  const configured = readConfigFile(deps, thothStack);
  const missing = ofThoth.filter(([key, value]) => value !== undefined && configured[key] === undefined);
  await changeConfigFile(deps, thothStack, Object.fromEntries(missing));
}

function isConfigured(config: Readonly<Record<string, unknown>>, path: ConfigChange["path"]): boolean {
  let found: unknown = config;
  for (const part of path) found = (found as Record<string, unknown> | undefined)?.[part];
  return found !== undefined;
}

/** The old origins join the usual ones, which Obsidian needs; a pattern such as `*` is no origin. */
function withUsualOrigins(stack: string, { path, value }: ConfigChange): ConfigChange {
  if (path[0] !== "allowedOrigins") return { path, value };
  const { allowedOrigins } = parseLettaConfig({}, stack);
  const old = (value as string[]).filter((origin) => /^[a-z][a-z0-9+.-]*:\/\/[^\s/"';*]+$/i.test(origin));
  return { path, value: [...new Set([...allowedOrigins, ...old])] };
}
