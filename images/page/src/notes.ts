import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BackupNote } from "../../backup/src/contract.ts";
import { type Notes, paths } from "./contract.ts";

/** Anybody who may run a container's commands may write a note; this much is read. */
const mostBytes = 256 * 1024;

/** What a command left last; undefined when it left nothing that can be read. */
export function readNote<Name extends keyof Notes>(name: Name): Promise<Notes[Name] | undefined> {
  return read<Notes[Name]>(join(paths.notes, `${name}.json`));
}

export function readBackupNote(): Promise<BackupNote | undefined> {
  return read<BackupNote>(join(paths.status, "backup.json"));
}

async function read<Content>(path: string): Promise<Content | undefined> {
  try {
    if ((await stat(path)).size > mostBytes) return undefined;
    return JSON.parse(await readFile(path, "utf8")) as Content;
  } catch {
    return undefined;
  }
}
