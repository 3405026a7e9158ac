import { join } from "node:path";
import { chain } from "./run.ts";
import type { EncryptedStore } from "./store.ts";

/**
 * Removes the WAL that was being written on the other host when the one that wrote it died: SFTP has half of such a file, and
 * the core engine takes half a segment for damage. WAL is pushed in its order, so only the last file of a folder can be one.
 *
 * @returns the names of what was removed
 */
export async function removeTornWal(store: EncryptedStore): Promise<string[]> {
  const torn: string[] = [];
  for (const name of await lastOfFolders(store)) {
    if (await isWhole(store, name)) continue;
    await store.remove(name);
    torn.push(name);
  }
  return torn;
}

async function lastOfFolders(store: EncryptedStore): Promise<string[]> {
  const names = (await store.list("wal")).map(({ name }) => name);
  const folders = Map.groupBy(names, (name) => join(name, ".."));
  return [...folders.values()].flatMap((files) => files.sort().slice(-1));
}

async function isWhole(store: EncryptedStore, name: string): Promise<boolean> {
  return chain([await store.get(name), ["zstd", ["--test", "--quiet"]]]).then(
    () => true,
    () => false,
  );
}
