import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "../database.ts";
import { describeError } from "../errors.ts";
import { extractKeywords } from "../keywords.ts";
import type { RoleSetup } from "./context.ts";

/** Papers looked at in one transaction. */
const BATCH = 50;
/** Runs that are kept; a run each minute would fill the table otherwise. */
const KEPT_RUNS = "30 days";

/** What one look at the papers came to. */
export interface DiscoveryRun {
  readonly startedAt: Date;
  readonly papersExamined: number;
  readonly papersTagged: number;
}

/** Discovery: finds keywords for papers that have none, again and again. */
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

/** Looks at all papers without keywords, and records the run. */
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

/** The row locks keep a second discovery from looking at the same papers, and the monitor from changing them meanwhile. */
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
      // An empty list is an answer too: the paper has been looked at.
      await client.query("update papers set keywords = $2 where id = $1", [id, keywords]);
    }
    return { examined: rows.length, tagged };
  });
}
