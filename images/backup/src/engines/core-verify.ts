import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { progressOf, type Report } from "../events.ts";
import { chain } from "../run.ts";
import type { EncryptedStore } from "../store.ts";
import { CoreArchive } from "./core-archive.ts";
import { manifestSchema } from "./core-backup.ts";
import { decompress, piped } from "./core-pipe.ts";
import { type CoreRecord, chainOf, namesOf } from "./core-records.ts";
import { isOn, lastOf, missingIn, rangesFrom, readWal, type Wal } from "./core-wal.ts";
import type { Check } from "./engine.ts";

/** rclone's header and the smallest frame of zstd: a file that was cut down to this decrypts to nothing, without an error. */
const emptyBytes = 64;

/** Are all segments there that a restore from any backup would read? */
export async function checkContinuity(store: EncryptedStore, records: readonly CoreRecord[]): Promise<Check> {
  const systems = new Map(records.map((record) => [record.systemId, record]));
  const missing = new Set<string>();
  const ends: string[] = [];
  for (const record of systems.values()) {
    const wal = await readWal(store, record);
    const own = records.filter(({ systemId }) => systemId === record.systemId);
    for (const name of missingOf(own, wal)) missing.add(name);
    const last = wal.timelines.map(({ timeline }) => lastOf(wal, timeline)?.index ?? 0);
    ends.push(`${wal.timelines.length} timelines, up to segment ${Math.max(0, ...last)}`);
  }
  const names = [...missing];
  const shown = `${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
  const detail = names.length === 0 ? ends.join("; ") || "no backup yet" : `${names.length} segments missing: ${shown}`;
  return { name: "WAL without a gap", ok: names.length === 0, detail };
}

/** What is missing on any timeline that goes on from one of the backups. */
export function missingOf(records: readonly CoreRecord[], wal: Wal): string[] {
  return wal.timelines.flatMap((timeline) => {
    const oldest = records.find((record) => isOn(record, timeline));
    return oldest === undefined ? [] : missingIn(rangesFrom(oldest, wal, timeline), wal);
  });
}

/** Does every file of the WAL decrypt and decompress? */
export async function checkWalFiles(store: EncryptedStore): Promise<Check> {
  const files = await new CoreArchive(store).list();
  const empty = files.filter(({ bytes }) => bytes <= emptyBytes).map(({ stored }) => stored);
  const rest = files.filter(({ bytes }) => bytes > emptyBytes).map(({ stored }) => stored);
  const damaged = [...empty, ...(await unreadable(store, rest))];
  const detail = damaged.length === 0 ? `${files.length} files` : `damaged: ${damaged.slice(0, 5).join(", ")}`;
  return { name: "WAL files", ok: damaged.length === 0, detail };
}

/** All in one go; only when something is wrong, halves of it until the files are found. */
async function unreadable(store: EncryptedStore, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const list = { env: await store.environment(), input: names.join("\n") };
  try {
    await chain([
      ["rclone", ["cat", "store:", "--files-from-raw", "-"], list],
      ["zstd", ["--quiet", "--test"]],
    ]);
    return [];
  } catch {
    if (names.length === 1) return [...names];
    const half = Math.ceil(names.length / 2);
    return [...(await unreadable(store, names.slice(0, half))), ...(await unreadable(store, names.slice(half)))];
  }
}

/** Can all of a backup be read, is each file there that its manifest names, and all that it stands on? */
export async function checkBackup(
  store: EncryptedStore,
  record: CoreRecord,
  records: readonly CoreRecord[],
  report: Report,
): Promise<Check> {
  const name = `backup ${record.label}`;
  if (chainOf(record, records) === undefined) {
    return { name, ok: false, detail: `stands on ${record.parent}, and part of that is missing` };
  }
  for (const file of Object.values(namesOf(record.label))) {
    if (!(await store.has(file))) return { name, ok: false, detail: `${file} is missing` };
  }
  try {
    const wrong = await compareFiles(store, record, report);
    const detail = wrong.length === 0 ? "all files of its manifest" : `damaged: ${wrong.slice(0, 5).join(", ")}`;
    return { name, ok: wrong.length === 0, detail };
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message };
  }
}

/**
 * Names of files that are missing or not as long as they were. That what is there is what was written, rclone's and zstd's
 * own checks say; pg_verifybackup, which compares it with the checksums of Postgres, takes no tar before version 18, and is
 * what each restore and rehearsal runs.
 */
async function compareFiles(store: EncryptedStore, { label, repositoryBytes }: CoreRecord, report: Report) {
  const names = namesOf(label);
  const manifest = manifestSchema.parse(JSON.parse(await store.text(names.manifest)));
  const sizes = new Map<string, number>();
  const sink = new PassThrough();
  const reading = (async () => {
    for await (const line of createInterface({ input: sink })) {
      const found = /^-\S+ +\S+ +(\d+) +\S+ +\S+ (.+)$/.exec(line);
      if (found !== null) sizes.set(found[2] as string, Number(found[1]));
    }
  })();
  const onBytes = progressOf(report, `verifying ${label}`, repositoryBytes);
  const read = piped(decompress, ["tar", ["--list", "--verbose", "--numeric-owner", "--quoting-style=literal"]]);
  await Promise.all([chain([await store.get(names.tar), read], { sink, onBytes }), reading]);
  return manifest.Files.filter(({ Path, Size }) => sizes.get(Path) !== Size).map(({ Path }) => Path);
}
