import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pgbackrestEngine } from "./engines/pgbackrest.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { readJson, writeJson } from "./json-file.ts";
import { OffsiteCopy } from "./offsite.ts";
import { contentOf, filesOf } from "./offsite-files.ts";
import { statsReport } from "./offsite-remote.ts";
import { paths } from "./paths.ts";
import { chain, output } from "./run.ts";
import type { Settings } from "./settings.ts";
import { EncryptedStore } from "./store.ts";

const pointsCopy = "points.json";
const pointsFile = `${paths.status}/points.json`;
/** Where a pull keeps what names the other files until all of these are there: without it there are no backups. */
const pulling = join(paths.repository, "incomplete-pull");

/** Keeps the names of restore points with the backups, as the status folder stays on this host. */
export async function savePoints(store: EncryptedStore): Promise<void> {
  const points = JSON.stringify((await readJson(pointsFile)) ?? []);
  if ((await store.has(pointsCopy)) && (await store.text(pointsCopy)) === points) return;
  await store.put(pointsCopy, [["cat", [], { input: points }]]);
}

/** Writes the repository as one tar; all that it holds is encrypted already. */
export async function exportRepository(sink: NodeJS.WritableStream, onBytes: (bytes: number) => void): Promise<void> {
  // Without its id: what is made of the archive is another repository, with a copy of its own on another host.
  const excluded = ["./repository.json", "./wal-sink", "./status", "./lost+found", "*.pgbackrest.tmp", "*.new.bin"];
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
export async function importRepository(source: NodeJS.ReadableStream, settings: Settings): Promise<Arrived> {
  await requireEmptyRepository();
  // tar ends at the end mark, and whoever still writes the rest of the last block would take that for a failure.
  const script = 'tar --extract --preserve-permissions --directory "$1" && cat >/dev/null';
  await chain([["sh", ["-c", script, "import", paths.repository], { asRoot: true }]], {
    input: source as NodeJS.ReadStream,
  });
  return finishRepository(settings);
}

/**
 * Brings the whole copy from another host into an empty repository, also while it is being pushed to. A pull that was
 * interrupted goes on.
 *
 * @throws BackupError when there is no copy, this repository is not empty, or the key is not that of the copy
 */
export async function pullRepository(settings: Settings, report: Report): Promise<Arrived> {
  if (settings.offsite === undefined)
    throw new BackupError("no other host is configured", "set thoth-letta:backup.offsite");
  await requireEmptyRepository([basename(pulling)]);
  const copy = new OffsiteCopy(settings.offsite);
  report({ event: "step", title: `copying from ${copy.name}` });
  await output("chown", ["999:999", paths.repository], { asRoot: true });
  await copy.fetchIndexes(pulling);
  let before: string;
  do {
    before = await contentOf(pulling);
    await copy.fetchFiles(statsReport(report));
    await copy.fetchIndexes(pulling);
    // Another backup was made or removed meanwhile: once more, for what is new.
  } while (before !== (await contentOf(pulling)));
  for (const name of await filesOf(pulling)) {
    await mkdir(dirname(join(paths.repository, name)), { recursive: true });
    await rename(join(pulling, name), join(paths.repository, name));
  }
  await rm(pulling, { recursive: true });
  return finishRepository(settings);
}

/** A repository that came from elsewhere. */
export interface Arrived {
  /** Labels. */
  readonly backups: readonly string[];
}

/** What is to be done after a repository came from elsewhere: it proves that the key is the right one. */
async function finishRepository(settings: Settings): Promise<Arrived> {
  await output("chown", ["--recursive", "999:999", paths.repository], { asRoot: true });
  await output("mkdir", ["-p", paths.status]);
  if (!existsSync(paths.pgbackrest))
    throw new BackupError("what arrived is not a pgBackRest repository", "import it with the version that made it");
  const backups = await pgbackrestEngine(settings).list();
  const store = new EncryptedStore(paths.files, settings.recoveryKey);
  if (await store.has(pointsCopy)) await writeJson(pointsFile, JSON.parse(await store.text(pointsCopy)));
  return { backups: backups.map(({ label }) => label) };
}

/** @throws BackupError when there is a repository already, and none that `resumed` names */
async function requireEmptyRepository(resumed: readonly string[] = []): Promise<void> {
  const found = (await readdir(paths.repository)).filter((name) => !["lost+found", "status"].includes(name));
  if (found.length === 0 || found.some((name) => resumed.includes(name))) return;
  throw new BackupError(
    `the repository is not empty (${found.join(", ")}): nothing is overwritten`,
    "use a new volume",
  );
}
