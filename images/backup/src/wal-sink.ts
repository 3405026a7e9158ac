import { withPostgres } from "./postgres.ts";
import type { Settings } from "./settings.ts";
import type { RpoZeroState } from "./status.ts";
import { CommitWait, isHeld, release } from "./wal-sink-commits.ts";
import { sinkFiles, type Tidy } from "./wal-sink-files.ts";
import { sinkName, WalReceiver } from "./wal-sink-receiver.ts";

export { removeArchived, restoreCommand, sinkFiles } from "./wal-sink-files.ts";
export { sinkName } from "./wal-sink-receiver.ts";

/** Files are looked after this often without a reason, in milliseconds. */
const tidyEvery = 5000;

/** How a sink is run. */
export interface WalSinkOptions {
  /** Not called twice at the same time. */
  readonly tidy: Tidy;
  /** Called when WAL is missing that nobody has any more: restores end there until the next full backup. */
  readonly onGap?: () => void;
  /** Default: standard error. */
  readonly log?: (line: string) => void;
}

/** The repository's plain copy of the newest WAL, which Postgres streams here as it writes it. */
export class WalSink {
  readonly #receiver: WalReceiver;
  readonly #commits: CommitWait;
  readonly #tidy: Tidy;
  #timer: NodeJS.Timeout | undefined;
  #tidying: Promise<void> | undefined;
  #isTidyWanted = false;
  #tidyProblem: string | null = null;

  constructor(
    settings: Pick<Settings, "rpoZero" | "rpoZeroWaitSeconds">,
    { tidy, onGap, log = (line) => console.error(line) }: WalSinkOptions,
  ) {
    this.#tidy = tidy;
    this.#receiver = new WalReceiver({ onChange: () => this.tidy(), onGap: () => onGap?.(), log });
    this.#commits = new CommitWait(settings.rpoZero, settings.rpoZeroWaitSeconds, log);
  }

  /** Whether commits wait for the sink; null when nobody wants them to. */
  get rpoZero(): RpoZeroState | null {
    return this.#commits.state.wanted ? this.#commits.state : null;
  }

  /** Why WAL does not come or completed WAL does not go on; null when all is well. */
  get problem(): string | null {
    return this.#receiver.problem ?? this.#tidyProblem;
  }

  /** Starts what runs all the time; the second time nothing happens. */
  start(): void {
    this.#timer ??= setInterval(() => this.tidy(), tidyEvery);
    this.#receiver.start();
    this.#commits.start();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#commits.stop();
    await this.#receiver.stop();
    await this.#tidying;
  }

  /** Looks after the files soon. */
  tidy(): void {
    this.#isTidyWanted = true;
    this.#tidying ??= this.#tidyAll().finally(() => {
      this.#tidying = undefined;
    });
  }

  async #tidyAll(): Promise<void> {
    while (this.#isTidyWanted) {
      this.#isTidyWanted = false;
      try {
        await this.#tidy(await sinkFiles(this.#receiver.folder));
        this.#tidyProblem = null;
      } catch (error) {
        this.#tidyProblem = (error as Error).message;
      }
    }
  }
}

/** Does Postgres stream to the sink at this moment? */
export async function isStreaming(): Promise<boolean> {
  return withPostgres(async (client) => {
    const { rowCount } = await client.query(
      "select from pg_stat_replication where application_name = $1 and state = 'streaming'",
      [sinkName],
    );
    return rowCount !== 0;
  });
}

/**
 * For an engine that needs no sink: a slot that nobody reads would keep WAL on Postgres' disk, and commits would wait.
 *
 * @throws while Postgres has not yet noticed that the last reader is gone
 */
export async function removeSink(): Promise<void> {
  await withPostgres(async (client) => {
    if (await isHeld(client)) await release(client);
    await client.query("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1", [
      sinkName,
    ]);
  });
}
