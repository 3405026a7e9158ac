import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, parse, parseDocument } from "yaml";
import { lettaNames, projectName } from "../../infra/lib/names.ts";
import type { Deps } from "./deps.ts";
import { writeWhole } from "./whole-file.ts";

/** This project's keys in Pulumi.<stack>.yaml, without the namespace; works before the Pulumi CLI is installed. */
export function readConfigFile(deps: Pick<Deps, "projectDirectory">, stack: string): Readonly<Record<string, unknown>> {
  const file = configFile(deps, stack);
  if (!existsSync(file)) return {};
  const { config } = (parse(readFileSync(file, "utf8")) ?? {}) as { config?: Record<string, unknown> | null };
  const prefix = `${projectName}:`;
  const own = Object.entries(config ?? {}).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), structureOf(value)]));
}

/** `pulumi config set` without `--path` writes a list or an object as JSON text. */
function structureOf(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/**
 * Changes keys of Pulumi.<stack>.yaml; `undefined` removes a key. Comments and everything else stay.
 *
 * `pulumi config set` truncates the file before it writes: killed in between, it would lose the file, and with the salt
 * every secret of the config. This write is atomic and synced.
 */
export async function changeConfigFile(
  deps: Pick<Deps, "projectDirectory">,
  stack: string,
  changes: Readonly<Record<string, string | number | undefined>>,
): Promise<void> {
  await changeConfigPaths(
    deps,
    stack,
    Object.entries(changes).map(([key, value]) => ({ path: [key], value })),
  );
}

/** One change inside a key; a number is an index of a list, and `undefined` removes the value. */
export interface ConfigChange {
  readonly path: readonly [key: string, ...inside: (string | number)[]];
  readonly value: unknown;
}

/** Like {@link changeConfigFile}, for parts of keys. */
export async function changeConfigPaths(
  deps: Pick<Deps, "projectDirectory">,
  stack: string,
  changes: readonly ConfigChange[],
): Promise<void> {
  const path = configFile(deps, stack);
  const document = parseDocument(readFileSync(path, "utf8"));
  if (!isMap(document.get("config"))) document.set("config", document.createNode({}));
  for (const {
    path: [key, ...inside],
    value,
  } of changes) {
    const place = ["config", `${projectName}:${key}`, ...inside];
    const whole = document.getIn(place.slice(0, 2));
    if (inside.length > 0 && typeof whole === "string")
      document.setIn(place.slice(0, 2), document.createNode(structureOf(whole)));
    if (value !== undefined) document.setIn(place, value);
    else if (document.hasIn(place)) document.deleteIn(place);
  }
  await writeWhole(path, document.toString({ lineWidth: 0 }));
}

function configFile({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string): string {
  return join(projectDirectory, `Pulumi.${stack}.yaml`);
}

/** Docker names of a letta stack. */
export function namesOf(deps: Pick<Deps, "projectDirectory">, stack: string): ReturnType<typeof lettaNames> {
  const { volumePrefix } = readConfigFile(deps, stack);
  return lettaNames(prefixOf(deps, stack), volumePrefix === undefined ? undefined : String(volumePrefix));
}

/** Prefix of a stack's Docker names. */
export function prefixOf(deps: Pick<Deps, "projectDirectory">, stack: string): string {
  return String(readConfigFile(deps, stack).prefix ?? stack);
}
