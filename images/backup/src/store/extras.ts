import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Report, Settings } from "../contract.ts";
import { ownDatabases } from "../postgres.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import { stamp } from "../process/stamp.ts";
import type { World } from "../world.ts";
import type { EncryptedStore } from "./store.ts";

// What is in the repository next to the physical backups.

/** A logical dump of one database. */
interface Dump {
  readonly database: string;
  /** Encrypted size. */
  readonly bytes: number;
}

const keysFile = "keys.json";
const pointsFile = "points.json";

/** Keeps the stack's generated secrets with the data that they open; earlier ones stay. */
export async function escrowKeys(store: EncryptedStore, keys: Settings["keys"], now: number): Promise<void> {
  const text = JSON.stringify(keys, undefined, 2);
  const known = await store.text(keysFile);
  if (known === text) return;
  if (known !== undefined) await store.put(`keys/${stamp(new Date(now))}.json`, known);
  await store.put(keysFile, text);
}

/** Stores dumps, Letta's files and the names of restore points. @param keep how many of each */
export async function storeExtras(
  world: World,
  store: EncryptedStore,
  keep: number,
  report: Report,
): Promise<{ dumps: Dump[] }> {
  report({ event: "step", title: "dumping the databases" });
  const dumps = await dumpDatabases(world, store, keep);
  report({ event: "step", title: "archiving Letta's files" });
  await archiveFiles(world, store, keep);
  await savePoints(world, store);
  return { dumps };
}

/**
 * Dumps Letta's and the projects' databases in pg_dump's custom format: other versions of Postgres read it, table by table.
 * The list comes from Postgres, so that a new project needs no restart here.
 */
async function dumpDatabases(world: World, store: EncryptedStore, keep: number): Promise<Dump[]> {
  const dumps: Dump[] = [];
  for (const database of await ownDatabases(world)) {
    const args = ["--format=custom", "--host", world.paths.socket, "--username=postgres", "--dbname", database];
    const name = `dumps/${database}/${stamp(new Date(world.now()))}.dump`;
    dumps.push({ database, bytes: await store.put(name, [["pg_dump", args]]) });
    await keepNewest(store, `dumps/${database}`, keep);
  }
  return dumps;
}

/** Archives Letta's files outside Postgres: memory as git repositories, its settings, and the exchange area. */
async function archiveFiles({ paths, now }: World, store: EncryptedStore, keep: number): Promise<void> {
  for (const [name, folder] of [
    ["letta-home", paths.lettaHome],
    ["letta-data", paths.lettaData],
  ] as const) {
    if (!existsSync(folder)) continue;
    // tar's exit code 1 means that files changed while they were read, as files in use do.
    const script = 'tar --create --zstd --numeric-owner --ignore-failed-read --directory "$1" . || [ $? -eq 1 ]';
    const archive = ["sh", ["-c", script, "archive", folder], { asRoot: true }] as const;
    await store.put(`${name}/${stamp(new Date(now()))}.tar.zst`, [archive]);
    await keepNewest(store, name, keep);
  }
}

/** Keeps the names of restore points with the backups, as the status folder stays on this host. */
export async function savePoints({ paths }: World, store: EncryptedStore): Promise<void> {
  const points = JSON.stringify((await readJson(join(paths.status, pointsFile))) ?? []);
  if ((await store.text(pointsFile)) !== points) await store.put(pointsFile, points);
}

/** The reverse of {@link savePoints}, for a repository that came from elsewhere. */
export async function loadPoints({ paths }: World, store: EncryptedStore): Promise<void> {
  const points = await store.text(pointsFile);
  if (points !== undefined) await writeJson(join(paths.status, pointsFile), JSON.parse(points));
}

async function keepNewest(store: EncryptedStore, folder: string, count: number): Promise<void> {
  for (const { name } of (await store.list(folder)).slice(0, -count)) await store.remove(name);
}
