import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../database.ts";
import { describeError } from "../log.ts";
import { extractKeywords } from "../words.ts";
import type { RoleSetup } from "./context.ts";

/** Papers per transaction. */
const BATCH = 50;
/** How long runs are kept. */
const KEPT_RUNS = "30 days";

/** The result of one run. */
export interface DiscoveryRun {
  readonly startedAt: Date;
  readonly papersExamined: number;
  readonly papersTagged: number;
}

/** Discovery: periodically finds keywords for papers without any. */
export const setUpDiscovery: RoleSetup = ({ database, config, health, log }) => {
  let lastRun: DiscoveryRun | undefined;
  let problem: string | undefined;
  health.tells("intervalSeconds", () => config.discoveryInterval);
  health.tells("lastRun", () => lastRun ?? null);
  health.warns(() => problem && `the last run failed: ${problem}`);
  return async (signal) => {
    for (;;) {
      try {
        lastRun = await runDiscovery(database, signal);
        problem = undefined;
        log[lastRun.papersExamined > 0 ? "info" : "debug"](lastRun, "a discovery run");
      } catch (error) {
        problem = describeError(error);
        log.warn({ problem }, "a discovery run failed");
      }
      await delay(config.discoveryInterval * 1000, undefined, { signal });
    }
  };
};

/** Examines all papers without keywords and records the run. */
export async function runDiscovery(database: Database, signal: AbortSignal): Promise<DiscoveryRun> {
  const startedAt = new Date();
  let papersExamined = 0;
  let papersTagged = 0;
  for (let found = BATCH; found === BATCH && !signal.aborted; ) {
    const batch = await tagBatch(database);
    found = batch.examined;
    papersExamined += batch.examined;
    papersTagged += batch.tagged;
  }
  await database.query("insert into discovery_runs (started_at, papers_examined, papers_tagged) values ($1, $2, $3)", [
    startedAt,
    papersExamined,
    papersTagged,
  ]);
  await database.query(`delete from discovery_runs where started_at < now() - interval '${KEPT_RUNS}'`);
  return { startedAt, papersExamined, papersTagged };
}

/** Row locks keep a second discovery from the same papers, and the monitor from changing them meanwhile. */
function tagBatch(database: Database): Promise<{ examined: number; tagged: number }> {
  return database.transaction(async (client) => {
    const { rows } = await client.query<{ id: string; title: string; content: string }>(
      `select id, title, content from papers where keywords is null and deleted_at is null
       order by added_at limit $1 for update skip locked`,
      [BATCH],
    );
    let tagged = 0;
    for (const { id, title, content } of rows) {
      const keywords = extractKeywords(title, content);
      if (keywords.length > 0) tagged += 1;
      // An empty list also means that the paper was examined.
      await client.query("update papers set keywords = $2 where id = $1", [id, keywords]);
    }
    return { examined: rows.length, tagged };
  });
}
