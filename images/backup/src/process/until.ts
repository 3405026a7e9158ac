import { setTimeout as sleep } from "node:timers/promises";
import type { BackupError } from "../errors.ts";

/** Asks until the answer is yes. @throws BackupError after this many milliseconds */
export async function until(
  isSo: () => Promise<boolean>,
  milliseconds: number,
  problem: () => BackupError,
): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw problem();
    await sleep(200);
  }
}
