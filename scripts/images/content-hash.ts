import { createHash, type Hash } from "node:crypto";
import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Twelve hexadecimal digits that change with the files in `directory` and the `values`. */
export function contentHash(directory: string, values: readonly string[]): string {
  const hash = createHash("sha256");
  addDirectory(hash, directory, "", ignoreRule(directory));
  for (const value of values) hash.update(`value\0${value}\0`);
  return hash.digest("hex").slice(0, 12);
}

function addDirectory(hash: Hash, root: string, path: string, isIgnored: (name: string) => boolean): void {
  // By code unit, not by locale: the hash must not depend on the machine's language.
  for (const name of readdirSync(join(root, path)).sort()) {
    const relative = path === "" ? name : `${path}/${name}`;
    if (isIgnored(relative)) continue;
    const stats = lstatSync(join(root, relative));
    if (stats.isDirectory()) addDirectory(hash, root, relative, () => false);
    else if (stats.isFile()) addFile(hash, join(root, relative), relative, stats.mode);
  }
}

function addFile(hash: Hash, file: string, relative: string, mode: number): void {
  const isExecutable = (mode & 0o100) !== 0;
  hash.update(`file\0${relative}\0${isExecutable}\0`).update(readFileSync(file)).update("\0");
}

/**
 * Which top-level names `.dockerignore` excludes, by plain names or by `*` with exceptions. Names that other patterns exclude
 * count as part of the build, which at worst costs an unnecessary one.
 */
function ignoreRule(directory: string): (name: string) => boolean {
  const file = join(directory, ".dockerignore");
  const lines = existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .map((line) => line.trim())
    : [];
  const names = new Set(lines);
  return (name) => (names.has("*") ? !names.has(`!${name}`) && name !== "Dockerfile" : names.has(name));
}
