import { setTimeout as sleep } from "node:timers/promises";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import { until } from "../../infra/lib/until.ts";
import { killFirstProcess } from "./kill.ts";
import { type Comparison, Writers } from "./writers.ts";

/** What one crash did. */
export interface CrashRound extends Comparison {
  /** From the kill to the first acknowledged row after it, in seconds. */
  readonly backAfterSeconds: number;
}

/**
 * Kills Postgres under four writers, waits until they write again, and looks for the rows that it had acknowledged.
 *
 * @param afterMilliseconds from the first row to the kill
 */
export async function crashRound(
  container: string,
  url: string,
  { afterMilliseconds, settings }: { afterMilliseconds: number; settings?: string },
): Promise<CrashRound> {
  const writers = new Writers(url, settings === undefined ? {} : { settings });
  await writers.start();
  await sleep(afterMilliseconds);
  const killedAt = Date.now();
  await killFirstProcess(container);
  const before = writers.acknowledged;
  const hasAnswered = () => withPostgres(url, (client) => client.query("select")).catch(() => undefined);
  const isBack = async () =>
    writers.failures >= 4 && writers.acknowledged > before && (await hasAnswered()) !== undefined;
  const problem = () => new Error("Postgres did not come back within two minutes");
  await until(isBack, { seconds: 120, everyMs: 50, problem });
  const backAfterSeconds = (Date.now() - killedAt) / 1000;
  await writers.stop();
  return { ...(await writers.compare()), backAfterSeconds };
}
