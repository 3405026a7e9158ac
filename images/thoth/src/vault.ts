import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";

/** The folder with the papers, in any vault. */
export function papersFolder(vault: string): string {
  return join(vault, "thoth", "papers");
}

/** What tells this folder from another one that has its name later on; undefined where there is none. */
export async function folderIdentity(folder: string): Promise<string | undefined> {
  const stats = await stat(folder).catch(() => undefined);
  return stats?.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
}

/** Throws unless the folder is there and can be read. */
export async function checkFolder(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is not a folder`);
  await access(folder, constants.R_OK | constants.X_OK);
}
