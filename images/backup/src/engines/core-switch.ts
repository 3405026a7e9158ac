import { withPostgres } from "../postgres.ts";
import { isStreaming } from "../wal-sink.ts";

/**
 * Has Postgres complete its WAL segment when something was written, as only complete ones are archived. An idle database is
 * left alone: each switch writes 16 MB.
 */
export class WalSwitch {
  readonly #seconds: number;
  readonly #log: (line: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #transactions: string | undefined;
  #segment: string | undefined;
  #since = 0;

  /** @param seconds longest time from a write to its complete segment */
  constructor(seconds: number, log: (line: string) => void) {
    this.#seconds = seconds;
    this.#log = log;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#look(), Math.max(1, this.#seconds / 6) * 1000);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      // Without a sink the segments would only fill Postgres' disk.
      if (await isStreaming()) await this.#switch();
    } catch (error) {
      this.#log(`the WAL segment was not completed: ${(error as Error).message}`);
    }
  }

  async #switch(): Promise<void> {
    await withPostgres(async (client) => {
      const { rows } = await client.query<{ segment: string; transactions: string }>(
        // Ids are given to transactions that write. Hints and statistics that only readers cause do not count.
        `select pg_walfile_name(pg_current_wal_insert_lsn()) as segment,
           pg_snapshot_xmax(pg_current_snapshot())::text as transactions`,
      );
      const { segment, transactions } = rows[0] as { segment: string; transactions: string };
      if (segment !== this.#segment) this.#since = performance.now();
      this.#segment = segment;
      const isOld = performance.now() - this.#since >= this.#seconds * 1000 * (5 / 6);
      if (!isOld || transactions === this.#transactions) return;
      await client.query("select pg_switch_wal()");
      this.#transactions = transactions;
    });
  }
}
