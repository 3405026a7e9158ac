import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Report, Settings } from "../contract.ts";
import { BackupError } from "../errors.ts";
import { Backups } from "../pgbackrest/backups.ts";
import { progressOf } from "../process/progress.ts";
import { output } from "../process/run.ts";
import type { World } from "../world.ts";
import { loadPoints } from "./extras.ts";
import { EncryptedStore } from "./store.ts";

/** Not in an archive: what belongs to this host, WAL in the clear of earlier versions, and files that are being written. */
const excluded = ["./repository.json", "./wal-sink", "./status", "./lost+found", "*.pgbackrest.tmp", "*.new.bin"];

/** Writes the repository as one tar; everything in it is encrypted already. @returns its size in bytes */
export async function exportRepository(
  world: World,
  sink: NodeJS.WritableStream,
  report: Report,
): Promise<{ bytes: number }> {
  const { repository } = world.paths;
  const size = await output(world, "du", ["--summarize", "--bytes", repository], { asRoot: true });
  const progress = progressOf(report, "export", Number(size.split("\t")[0]));
  let bytes = 0;
  const args = [...excluded.map((name) => `--exclude=${name}`), "--directory", repository, "."];
  // tar's exit code 1 means that files changed while they were read: Postgres is still archiving.
  const script = 'tar --create --numeric-owner "$@" || [ $? -eq 1 ]';
  await world.pipe([["sh", ["-c", script, "export", ...args], { asRoot: true }]], {
    sink,
    onBytes(count) {
      bytes = count;
      progress(count);
    },
  });
  return { bytes };
}

/** Unpacks an exported repository. @throws BackupError when this one is not empty, or the key is not the archive's */
export async function importRepository(world: World, source: NodeJS.ReadStream, settings: Settings): Promise<Arrived> {
  await requireEmptyRepository(world);
  // tar stops at the end mark; a writer that is still sending the rest of the last block would fail.
  const script = 'tar --extract --preserve-permissions --directory "$1" && cat >/dev/null';
  await world.pipe([["sh", ["-c", script, "import", world.paths.repository], { asRoot: true }]], { input: source });
  return finishRepository(world, settings);
}

/** A repository that came from elsewhere. */
interface Arrived {
  /** Labels. */
  readonly backups: readonly string[];
}

/** Makes a repository from elsewhere usable. Reading it proves the key. */
export async function finishRepository(world: World, settings: Settings): Promise<Arrived> {
  const { paths } = world;
  await output(world, "chown", ["--recursive", "999:999", paths.repository], { asRoot: true });
  await output(world, "mkdir", ["-p", paths.status]);
  if (!existsSync(paths.pgbackrest))
    throw new BackupError("what arrived is not a pgBackRest repository", "import it with the version that made it");
  const backups = await new Backups(world, settings).list();
  await loadPoints(world, new EncryptedStore(world, settings.recoveryKey));
  return { backups: backups.map(({ label }) => label) };
}

/** @param resumable a folder that marks a repository whose filling was interrupted @throws BackupError */
export async function requireEmptyRepository({ paths }: World, resumable?: string): Promise<void> {
  const found = (await readdir(paths.repository)).filter((name) => !["lost+found", "status"].includes(name));
  if (found.length === 0 || (resumable !== undefined && found.includes(resumable))) return;
  throw new BackupError(
    `the repository is not empty (${found.join(", ")}): nothing is overwritten`,
    "use a new volume",
  );
}
