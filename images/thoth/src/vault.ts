import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";

/** The folder with the papers. */
export function papersFolder(vault: string): string {
  return join(vault, "thoth", "papers");
}

/** Distinguishes a folder from a later one of the same name; undefined if there is none. */
export async function folderIdentity(folder: string): Promise<string | undefined> {
  const stats = await stat(folder).catch(() => undefined);
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
}

/** Throws unless the folder exists and is readable. */
export async function checkFolder(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is not a folder`);
  await access(folder, constants.R_OK | constants.X_OK);
}
