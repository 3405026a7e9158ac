import { existsSync } from "node:fs";
import { paths } from "./paths.ts";
import { ownDatabases } from "./postgres.ts";
import type { Settings } from "./settings.ts";
import { stamp } from "./stamp.ts";
import type { EncryptedStore } from "./store.ts";

/** A logical dump of one database. */
export interface Dump {
  readonly database: string;
  /** Encrypted. */
  readonly bytes: number;
}

const keysFile = "keys.json";

/** Keeps the stack's generated secrets with the data they open; a new version each time one is another. */
export async function escrowKeys(store: EncryptedStore, keys: Settings["keys"]): Promise<void> {
  const text = JSON.stringify(keys, undefined, 2);
  const known = (await store.has(keysFile)) ? await store.text(keysFile) : undefined;
  if (known === text) return;
  if (known !== undefined) await store.put(`keys/${stamp()}.json`, [["cat", [], { input: known }]]);
  await store.put(keysFile, [["cat", [], { input: text }]]);
}

/**
 * Dumps every database that is Letta's or a project's, as `pg_restore` takes it: readable by other versions of Postgres, and
 * table by table. Postgres itself tells which there are: a project that is added is no reason for another start.
 */
export async function dumpDatabases(store: EncryptedStore, { retention }: Settings): Promise<Dump[]> {
  const dumps: Dump[] = [];
  for (const database of await ownDatabases()) {
    const args = ["--format=custom", "--host", paths.socket, "--username=postgres", "--dbname", database];
    const bytes = await store.put(`dumps/${database}/${stamp()}.dump`, [["pg_dump", args]]);
    dumps.push({ database, bytes });
    await keepNewest(store, `dumps/${database}`, retention.dumps);
  }
  return dumps;
}

/** Archives Letta's files outside Postgres: memory as git repositories, its settings, and the exchange area. */
export async function archiveFiles(store: EncryptedStore, { retention }: Settings): Promise<void> {
  for (const [name, folder] of [
    ["letta-home", paths.lettaHome],
    ["letta-data", paths.lettaData],
  ] as const) {
    if (!existsSync(folder)) continue;
    // 1 is "some files changed while they were read", which files in use do.
    const script = 'tar --create --zstd --numeric-owner --ignore-failed-read --directory "$1" . || [ $? -eq 1 ]';
    await store.put(`${name}/${stamp()}.tar.zst`, [["sh", ["-c", script, "archive", folder], { asRoot: true }]]);
    await keepNewest(store, name, retention.dumps);
  }
}

async function keepNewest(store: EncryptedStore, folder: string, count: number): Promise<void> {
  for (const { name } of (await store.list(folder)).slice(0, -count)) await store.remove(name);
}
