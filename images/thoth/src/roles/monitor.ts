import { mkdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "../errors.ts";
import { PaperWatcher } from "../paper-watcher.ts";
import { untilSuccess } from "../retry.ts";
import { checkFolder, folderIdentity, papersFolder } from "../vault.ts";
import type { RoleSetup } from "./context.ts";

/** How often to look whether the folder is still the one that is watched, in milliseconds. */
const LOOK_INTERVAL = 1000;

/** The monitor: keeps the table of papers the same as the vault's folder of papers. */
export const setUpMonitor: RoleSetup = ({ config, health, papers, log }) => {
  const folder = papersFolder(config.vault);
  const watcher = new PaperWatcher(folder, papers, log);
  health.dependsOn("vault", () => checkFolder(folder));
  health.tells("watch", () => ({ folder, ...watcher.progress }));
  health.warns(() => watcher.warning);
  return async (signal) => {
    const onFailure = (error: unknown) => log.warn({ problem: describeError(error) }, "the vault is not ready");
    await untilSuccess(() => mkdir(folder, { recursive: true }), { signal, onFailure });
    for (;;) {
      const identity = await folderIdentity(folder);
      if (identity !== undefined) await whileSameFolder(folder, identity, signal, (same) => watcher.run(same));
      await delay(LOOK_INTERVAL, undefined, { signal });
    }
  };
};

/**
 * Runs the work until the folder is another one. The kernel reports on a folder, not on a name: when the vault's folder
 * is moved away and a new one (or the same one) comes in its place, a watch that was set before stays silent for ever.
 */
async function whileSameFolder(
  folder: string,
  identity: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const replaced = new AbortController();
  const running = work(AbortSignal.any([signal, replaced.signal]));
  try {
    while ((await folderIdentity(folder)) === identity) await delay(LOOK_INTERVAL, undefined, { signal });
  } finally {
    replaced.abort();
    await running;
  }
}
