import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Deps } from "../deps.ts";
import { pulumi } from "../pulumi-cli.ts";
import { prefixOf } from "../stack-file.ts";
import { callAgent, inContainer } from "./call.ts";

/** Names of a stack's encrypted state and config in its repository. */
export const stateFiles = { state: "pulumi-state.json", config: "stack-config.json" } as const;

/** A stack's config as it is taken to another machine. */
export interface StoredConfig {
  readonly stack: string;
  /** As in Pulumi.<stack>.yaml, without its secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Path as `pulumi config set --path` takes it -> value. */
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * Keeps a stack's state and config, secrets included, with its backups, so that the recovery key opens everything.
 *
 * Does nothing for a stack without backups. A failure is only a warning: the update before it has worked.
 *
 * @param state reads the state, in the open; default: asks Pulumi
 * @returns false after a failure
 */
export async function storeState(
  deps: Deps,
  stack: string,
  state = () => exportInTheOpen(deps, stack),
): Promise<boolean> {
  const container = `${prefixOf(deps, stack)}-backup`;
  try {
    if (!(await deps.engine.inspectContainer(container))?.State.Running) return true;
    const put = (name: string, content: string) => callAgent(deps, inContainer(container, ["put", name], content));
    await put(stateFiles.state, await state());
    await put(stateFiles.config, JSON.stringify(await readWholeConfig(deps, stack)));
    return true;
  } catch (error) {
    deps.print(`warning: the state of stack ${stack} is not in its backups: ${(error as Error).message}`);
    return false;
  }
}

/** A stack's state as JSON, with its secrets in the open. */
export const exportInTheOpen = (deps: Deps, stack: string) =>
  pulumi(deps, ["stack", "export", "--show-secrets", "--stack", stack]);

/** A stack's config with its secrets in plain text. */
export async function readWholeConfig(deps: Deps, stack: string): Promise<StoredConfig> {
  const file = join(deps.projectDirectory, `Pulumi.${stack}.yaml`);
  const { config } = (existsSync(file) ? parse(readFileSync(file, "utf8")) : {}) as { config?: Tree };
  const paths = Object.entries(config ?? {}).flatMap(([key, value]) => securePaths(value, [key]));
  const open = paths.length === 0 ? {} : await openConfig(deps, stack);
  const secrets = paths.map((path) => [pathText(path), String(valueAt(open, path))]);
  return { stack, config: withoutSecure(config ?? {}) as Tree, secrets: Object.fromEntries(secrets) };
}

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;
const isSecure = (value: unknown) => isTree(value) && typeof value.secure === "string";

function securePaths(value: unknown, path: string[]): string[][] {
  if (isSecure(value)) return [path];
  if (!isTree(value) || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => securePaths(child, [...path, key]));
}

function withoutSecure(value: unknown): unknown {
  if (!isTree(value) || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([, child]) => !isSecure(child));
  return Object.fromEntries(kept.map(([key, child]) => [key, withoutSecure(child)]));
}

/** A stack's config with its secrets in plain text: key -> value or object. */
export async function openConfig(deps: Deps, stack: string): Promise<Tree> {
  const text = await pulumi(deps, ["config", "--json", "--show-secrets", "--stack", stack]);
  const entries = Object.entries(JSON.parse(text) as Record<string, { value?: string; objectValue?: unknown }>);
  return Object.fromEntries(entries.map(([key, { value, objectValue }]) => [key, objectValue ?? value]));
}

function valueAt(tree: unknown, [key, ...rest]: readonly string[]): unknown {
  const value = isTree(tree) && key !== undefined ? tree[key] : undefined;
  return rest.length === 0 ? value : valueAt(value, rest);
}

/** As `pulumi config set --path` reads it, with every name quoted. */
function pathText([key = "", ...rest]: readonly string[]): string {
  return `${key}${rest.map((name) => `[${JSON.stringify(name)}]`).join("")}`;
}
