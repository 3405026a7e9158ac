import { createHash } from "node:crypto";
import { copyFile, glob, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";

/** A program that is built from a Go package. */
export interface Binary {
  /** The package's path, relative to the module or of a module it requires. */
  readonly goPackage: string;
  /** Where the program goes. */
  readonly path: string;
}

const stampOf = (binary: Binary) => `${binary.path}.built-from`;

/** True if the program is not from here, e.g. Pulumi's own download: it has no stamp. */
export async function isForeign(binary: Binary): Promise<boolean> {
  const [hasBinary, hasStamp] = await Promise.all([exists(binary.path), exists(stampOf(binary))]);
  return hasBinary && !hasStamp;
}

/** True if the program was built from the inputs with the given hash. */
export async function isCurrent(binary: Binary, hash: string): Promise<boolean> {
  const stamp = await readFile(stampOf(binary), "utf8").catch(() => undefined);
  return stamp === hash && (await exists(binary.path));
}

/** A hash of the Go sources in a folder, of their go.mod and go.sum files, and of the build's arguments. */
export async function hashOfInputs(folder: string, buildArguments: readonly string[]): Promise<string> {
  const files: string[] = [];
  for await (const file of glob("**/{*.go,go.mod,go.sum}", { cwd: folder })) files.push(file);
  files.sort();
  const hash = createHash("sha256").update(JSON.stringify(buildArguments));
  for (const file of files) hash.update(`\0${file}\0`).update(await readFile(path.join(folder, file)));
  return hash.digest("hex");
}

/**
 * Moves a built program to its place at once, so that a running one is never half overwritten. An unfinished stamp comes
 * first: an interruption then leaves a program that is built again, not one that looks foreign.
 */
export async function install(binary: Binary, builtIn: string, hash: string): Promise<void> {
  await mkdir(path.dirname(binary.path), { recursive: true });
  await writeFile(stampOf(binary), "unfinished");
  await copyFile(path.join(builtIn, path.basename(binary.goPackage)), `${binary.path}.partial`);
  await rename(`${binary.path}.partial`, binary.path);
  await writeFile(stampOf(binary), hash);
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
