import { join } from "node:path";
import type { Deps } from "../lib/deps.ts";
import { readJsonFile, writeWholeJson } from "../lib/whole-file.ts";
import type { ServerRestore } from "./server.ts";

/** One change of the volume that a stack's Postgres is on. */
export interface VolumeSwitch {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/** The changes of a stack's volume, oldest first; empty when there was none. */
export async function readSwitches(deps: Deps, stack: string): Promise<VolumeSwitch[]> {
  return (await readJsonFile<VolumeSwitch[]>(historyFile(deps, stack))) ?? [];
}

/** Writes a change down; once, however often a killed run is gone on with. */
export async function addSwitch(deps: Deps, { stack, id, from, to }: ServerRestore): Promise<void> {
  const others = (await readSwitches(deps, stack)).filter((known) => known.id !== id);
  await writeWholeJson(historyFile(deps, stack), [...others, { id, from, to }]);
}

function historyFile({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string): string {
  return join(projectDirectory, ".state/operations", `${stack}.volumes.json`);
}
