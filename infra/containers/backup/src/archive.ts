import { readdir } from "node:fs/promises";
import type { Engine } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import { readJson, writeJson } from "./json-file.ts";
import { paths } from "./paths.ts";
import { chain, output } from "./run.ts";
import type { EncryptedStore } from "./store.ts";

const pointsCopy = "points.json";
const pointsFile = `${paths.status}/points.json`;

/** Keeps the names of restore points with the backups, as the status folder stays on this host. */
export async function savePoints(store: EncryptedStore): Promise<void> {
  const points = (await readJson(pointsFile)) ?? [];
  await store.put(pointsCopy, [["cat", [], { input: JSON.stringify(points) }]]);
}

/** Writes the repository as one tar; all that it holds is encrypted already. */
export async function exportRepository(sink: NodeJS.WritableStream, onBytes: (bytes: number) => void): Promise<void> {
  const excluded = ["./wal-sink", "./status", "./lost+found", "*.pgbackrest.tmp", "*.new.bin"];
  const args = [...excluded.map((name) => `--exclude=${name}`), "--directory", paths.repository, "."];
  // 1 is "some files changed while they were read": Postgres goes on archiving.
  const script = 'tar --create --numeric-owner "$@" || [ $? -eq 1 ]';
  await chain([["sh", ["-c", script, "export", ...args], { asRoot: true }]], { sink, onBytes });
}

/** Size of the repository in bytes, to tell how far an export is. */
export async function repositoryBytes(): Promise<number> {
  const text = await output("du", ["--summarize", "--bytes", paths.repository], { asRoot: true });
  return Number(text.split("\t")[0]);
}

/** Unpacks an exported repository. @throws BackupError when this one is not empty, or the key is not the archive's */
export async function importRepository(source: NodeJS.ReadableStream, engine: Engine, store: EncryptedStore) {
  await requireEmptyRepository();
  await chain([["tar", ["--extract", "--preserve-permissions", "--directory", paths.repository], { asRoot: true }]], {
    input: source as NodeJS.ReadStream,
  });
  return finishRepository(engine, store);
}

/** What is to be done after a repository came from elsewhere: it proves that the key is the right one. */
export async function finishRepository(engine: Engine, store: EncryptedStore) {
  await output("chown", ["--recursive", "999:999", paths.repository], { asRoot: true });
  await output("mkdir", ["-p", paths.status]);
  const backups = await engine.list();
  if (await store.has(pointsCopy)) await writeJson(pointsFile, JSON.parse(await store.text(pointsCopy)));
  return { backups: backups.map(({ label }) => label) };
}

/** @throws BackupError when there is a repository already */
export async function requireEmptyRepository(): Promise<void> {
  const found = (await readdir(paths.repository)).filter((name) => !["lost+found", "status"].includes(name));
  if (found.length === 0) return;
  throw new BackupError(
    `the repository is not empty (${found.join(", ")}): nothing is overwritten`,
    "use a new volume",
  );
}
