import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file atomically and durably. A missing folder is created for its owner alone. */
export async function writeWhole(path: string, text: string, mode?: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const file = await open(draft, "w", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** A file's JSON, or undefined if the file does not exist. */
export async function readJsonFile<Content>(path: string): Promise<Content | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes JSON atomically, readable for its owner alone. */
export function writeWholeJson(path: string, content: unknown): Promise<void> {
  return writeWhole(path, `${JSON.stringify(content, undefined, 2)}\n`, 0o600);
}
