import { lettaContainers } from "../lib/names.ts";
import type { LettaConfig } from "./letta.ts";
import { runsTrialModel } from "./models.ts";

/** Docker names of a letta stack's containers, in start order. */
export function containersOf(config: LettaConfig): string[] {
  const { prefix, backup, page } = config;
  return lettaContainers(prefix, { backup: backup.enabled, model: runsTrialModel(config), page: page.enabled });
}
