import { mkdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describeError } from "../log.ts";
import { PaperWatcher } from "../paper-watcher.ts";
import { untilSuccess } from "../retry.ts";
import { checkFolder, folderIdentity, papersFolder } from "../vault.ts";
import type { RoleSetup } from "./context.ts";

/** How often to check that the folder is still the watched one, in milliseconds. */
const LOOK_INTERVAL = 1000;

/** The monitor: keeps the table of papers in sync with the vault's folder. */
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
 * Runs the work until the folder is replaced. The kernel watches a folder, not a name: if the vault's folder is moved away and
 * another one (or the same one) takes its place, the old watch stays silent.
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
