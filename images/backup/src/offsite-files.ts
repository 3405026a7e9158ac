import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";

/** What of the repository is for another host; the rest is the state of this one, or WAL in the clear. */
const folders = ["pgbackrest", "files"];
const walFolders = ["pgbackrest/archive"];
/** These name other files. */
const indexes = ["/pgbackrest/*/*/*.info", "/pgbackrest/*/*/*.info.copy"];
/** Ends of the names of files that are being written. */
const unfinished = [".pgbackrest.tmp", ".new.bin", ".new"];

const rule = (sign: "+" | "-") => (pattern: string) => ["--filter", `${sign} ${pattern}`];
const within = (folder: string) => `/${folder}/**`;
const others = ["--filter", "- *"];
const base = [...unfinished.map((end) => `*${end}`), ...indexes].flatMap(rule("-"));
const everything = [...folders.map(within).flatMap(rule("+")), ...others];

/** rclone's arguments for parts of the repository. */
export const filters = {
  indexes: [...indexes.flatMap(rule("+")), ...others],
  wal: [...base, ...walFolders.map(within).flatMap(rule("+")), ...others],
  rest: [...base, ...walFolders.map(within).flatMap(rule("-")), ...everything],
  /** WAL and the rest. */
  files: [...base, ...everything],
} as const;

/** Paths of all files below a folder, relative to it, in order; empty where there is none. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
}

/** Paths of the repository's files that another host gets. */
export async function copiedFiles(repository: string): Promise<string[]> {
  const found = await Promise.all(folders.map((folder) => filesOf(join(repository, folder))));
  const paths = found.flatMap((files, index) => files.map((file) => join(folders[index] ?? "", file)));
  return paths.filter((path) => !unfinished.some((end) => path.endsWith(end)));
}

/** Changes when a backup, a dump or anything else but WAL comes, goes or changes. */
export async function repositoryState(repository: string): Promise<string> {
  const hash = createHash("sha256");
  for (const path of await copiedFiles(repository)) {
    if (walFolders.some((folder) => path.startsWith(`${folder}/`))) continue;
    const found = await stat(join(repository, path)).catch(() => undefined);
    if (found !== undefined) hash.update(`${path}\0${found.size}\0${found.mtimeMs}\0`);
  }
  return hash.digest("hex");
}

/** Changes when the content of a file below a folder does. */
export async function contentOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const path of await filesOf(folder)) hash.update(`${path}\0`).update(await readFile(join(folder, path)));
  return hash.digest("hex");
}
