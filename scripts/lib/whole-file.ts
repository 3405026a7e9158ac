import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file so that after a crash it is the old one or the new one, and on disk. Its folder is made for its owner alone. */
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

/** Writes JSON for its owner alone, whole or not at all. */
export function writeWholeJson(path: string, content: unknown): Promise<void> {
  return writeWhole(path, `${JSON.stringify(content, undefined, 2)}\n`, 0o600);
}
