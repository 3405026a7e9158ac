import { join } from "node:path";
import type { Deps } from "../lib/deps.ts";
import { readJsonFile, writeWholeJson } from "../lib/whole-file.ts";
import type { Installation } from "./installation.ts";

/** An adoption, kept on disk for its resumption and its undo. */
export interface AdoptionRecord {
  readonly stack: string;
  readonly thothStack: string;
  /** When it began: 14 digits. */
  readonly id: string;
  /** `moving` until the data is in the stack; each of its steps can be repeated. */
  readonly phase: "moving" | "adopted" | "undone";
  readonly old: Installation;
  /** Databases that are not wanted. */
  readonly without: readonly string[];
  /** The stack's own agents may be replaced; they are kept in a separate database. */
  readonly replace: boolean;
  /** Folder with the dumps of the old databases; undefined until they are complete. */
  readonly dumps?: string;
}

const fileOf = ({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string) =>
  join(projectDirectory, ".state/adoptions", `${stack}.json`);

/** Folder for the dumps of an adoption's old databases. */
export const dumpFolder = ({ projectDirectory }: Pick<Deps, "projectDirectory">, { stack, id }: AdoptionRecord) =>
  join(projectDirectory, ".state/adoptions", `${stack}-${id}`);

/** The stack's last adoption, or undefined when there was none. */
export function readAdoption(deps: Deps, stack: string): Promise<AdoptionRecord | undefined> {
  return readJsonFile<AdoptionRecord>(fileOf(deps, stack));
}

/** Records what is known of an adoption. @returns the record */
export async function saveAdoption(
  deps: Deps,
  record: AdoptionRecord,
  changes: Partial<AdoptionRecord> = {},
): Promise<AdoptionRecord> {
  const saved = { ...record, ...changes };
  await writeWholeJson(fileOf(deps, record.stack), saved);
  return saved;
}
