import { readFileSync, statSync } from "node:fs";
import { paths, type Settings } from "./contract.ts";

let known: { readonly changedAt: number; readonly settings: Settings } | undefined;

/** The settings as they are now: an update rewrites the file while this process runs. */
export function readSettings(path: string = paths.settings): Settings {
  const changedAt = statSync(path).mtimeMs;
  if (known?.changedAt !== changedAt) {
    known = { changedAt, settings: JSON.parse(readFileSync(path, "utf8")) as Settings };
  }
  return known.settings;
}
