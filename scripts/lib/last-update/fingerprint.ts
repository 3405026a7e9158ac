import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "yaml";
import { localFile, lockFile, lockFolder } from "../../../infra/lib/images.ts";
import { root } from "../checkout.ts";
import type { Deps } from "../deps.ts";
import { readConfigFile } from "../stack-file.ts";

/** Folders and files of the checkout that decide what an update does: the program, what it uploads, its libraries. */
const sources = ["infra", "images", "package-lock.json", localFile];

/** What the program takes from the environment. */
const environment = ["SUDO_UID", "SUDO_GID", "THOTH_LETTA_MIRROR"];

/**
 * Changes with everything that a stack's program reads before it looks at the world: sources, images, config, the files that
 * the config names, and for a thoth stack the outputs of its letta stack.
 */
export function fingerprintOf(
  deps: Pick<Deps, "projectDirectory">,
  stack: string,
  lettaOutputs?: unknown,
  checkout = root,
): string {
  const hash = createHash("sha256");
  const lock = join(lockFolder(deps.projectDirectory, checkout), lockFile);
  const folders = sources.map((name) => join(checkout, name));
  for (const path of [...folders, lock, join(deps.projectDirectory, "Pulumi.yaml"), ...filesIn(deps, stack)]) {
    for (const file of below(path)) hash.update(`${file}\0`).update(readFileSync(file)).update("\0");
  }
  const user = [process.getuid?.(), process.getgid?.(), ...environment.map((name) => process.env[name])];
  return hash.update(JSON.stringify([user, lettaOutputs, valuesIn(deps, stack)])).digest("hex");
}

/** Each key of the config with its value. The file itself changes with its first update: Pulumi adds its salt, and sorts the keys. */
function valuesIn(deps: Pick<Deps, "projectDirectory">, stack: string): [string, unknown][] {
  const file = join(deps.projectDirectory, `Pulumi.${stack}.yaml`);
  const { config } = ((existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined) ?? {}) as {
    config?: object | null;
  };
  return Object.entries(config ?? {}).sort(([one], [other]) => one.localeCompare(other, "en"));
}

/** The files that values of a config name, whatever their keys: an env file, a certificate and its key. */
function filesIn(deps: Pick<Deps, "projectDirectory">, stack: string): string[] {
  const named = textsIn(readConfigFile(deps, stack)).flatMap((text) => {
    const path = text.replace(/^~(?=\/)/, homedir());
    return [resolve(root, path), resolve(deps.projectDirectory, path)];
  });
  return [...new Set(named)].filter((path) => existsSync(path) && statSync(path).isFile()).sort();
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return value.length < 4096 ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function below(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
