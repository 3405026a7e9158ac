import { join } from "node:path";
import { savePoints } from "./archive.ts";
import type { Report } from "./events.ts";
import { readJson, writeJson } from "./json-file.ts";
import { OffsiteCopy, repositoryId } from "./offsite.ts";
import { repositoryState } from "./offsite-files.ts";
import { statsReport, type TransferStats } from "./offsite-remote.ts";
import { Removals } from "./offsite-removals.ts";
import { paths } from "./paths.ts";
import { Queue } from "./queue.ts";
import type { Offsite } from "./settings.ts";
import type { Remembered } from "./status.ts";
import type { EncryptedStore } from "./store.ts";

const stateFile = join(paths.status, "offsite.json");
/** Copied again although it should be there, in milliseconds: clocks are set back, and times of files are rounded. */
const overlap = 300_000;
/** A copy that is older than this many turns and ten minutes is behind, whatever the reason. */
const turnsBehind = 10;

const silent: Report = () => {};

/** What is known of the copy; another place or repository begins anew. */
interface State {
  readonly place: string;
  readonly repository: string;
  /** All WAL archived before is there, ISO 8601; null before the first whole copy. */
  readonly walAt: string | null;
  /** The repository without its WAL as it was when all of it was there. */
  readonly rest: string | null;
  /** The day on which all WAL was last compared. */
  readonly comparedOn: string | null;
}

const nothing = { walAt: null, rest: null, comparedOn: null };

/**
 * When what is copied to another host: WAL every `archiveSeconds`, all else when it has changed. Neither waits for the other,
 * nor do backups for them: a first copy may take a day.
 */
export class OffsitePushes {
  readonly #copy: OffsiteCopy;
  readonly #store: EncryptedStore;
  readonly #archiveSeconds: number;
  readonly #removals = new Removals();
  readonly #wal = new Queue();
  readonly #rest = new Queue();
  readonly #writes = new Queue();
  readonly #problems: { wal: string | null; rest: string | null } = { wal: null, rest: null };
  #state: State = { place: "", repository: "", ...nothing };
  #tried = 0;
  #stats: TransferStats | undefined;

  constructor(offsite: Offsite, { store, archiveSeconds }: { store: EncryptedStore; archiveSeconds: number }) {
    this.#copy = new OffsiteCopy(offsite);
    this.#store = store;
    this.#archiveSeconds = archiveSeconds;
  }

  /** Goes on where an earlier process was. */
  async load(): Promise<void> {
    const here = { place: this.#copy.name, repository: await repositoryId() };
    const known = await readJson<State>(stateFile);
    const isSame = known?.place === here.place && known.repository === here.repository;
    this.#state = isSame ? known : { ...here, ...nothing };
    await this.#removals.settle();
  }

  /** Runs what may remove files from the repository, so that the copy follows. */
  during<Result>(job: () => Promise<Result>): Promise<Result> {
    return this.#removals.during(job);
  }

  /** Starts what is due, and waits for none of it. `isBusy`: a backup or expiry is changing what there is. */
  async tick(isBusy: boolean, now = Date.now()): Promise<void> {
    if (now - this.#tried < this.#archiveSeconds * 1000) return;
    this.#tried = now;
    if (this.#wal.isIdle && this.#state.walAt !== null) void this.#pushWal().catch(tell);
    if (!isBusy && this.#rest.isIdle && (await this.#isRestDue())) void this.#pushRest(silent).catch(tell);
  }

  /** Copies everything now. @throws BackupError when the other host does not take it */
  async push(report: Report): Promise<{ at: string }> {
    await this.#pushRest(report);
    return { at: this.#state.walAt ?? "" };
  }

  /** When it was last done, and what is wrong. */
  status(since: string, now = Date.now()): Remembered["offsite"] {
    const { rest, walAt } = this.#state;
    const lastGoodAt = rest === null ? null : walAt;
    const problem = this.#problems.wal ?? this.#problems.rest ?? this.#behind(Date.parse(lastGoodAt ?? since), now);
    return { at: new Date(this.#tried).toISOString(), problem, lastGoodAt };
  }

  #behind(lastGood: number, now: number): string | null {
    if (now - lastGood < (turnsBehind * this.#archiveSeconds + 600) * 1000) return null;
    if (this.#state.rest !== null) return `nothing was copied since ${new Date(lastGood).toISOString()}`;
    const share = this.#stats && Math.floor((this.#stats.bytes / Math.max(1, this.#stats.totalBytes)) * 100);
    return `the first copy is not there yet${share === undefined ? "" : `, ${share} % of it are`}`;
  }

  async #isRestDue(): Promise<boolean> {
    const { rest, comparedOn } = this.#state;
    return this.#problems.rest !== null || comparedOn !== today() || rest !== (await repositoryState(paths.repository));
  }

  /** Also tells when the copy that should be there is not. */
  #pushWal(): Promise<void> {
    return this.#noted("wal", this.#wal, silent, async () => {
      const at = new Date();
      if (!(await this.#copy.claim())) await this.#remember(nothing);
      if (this.#state.walAt === null) return;
      await this.#copy.pushWal(new Date(Date.parse(this.#state.walAt) - overlap));
      await this.#remember({ walAt: at.toISOString() });
    });
  }

  #pushRest(report: Report): Promise<void> {
    return this.#noted("rest", this.#rest, report, async () => {
      const onStats = this.#progress(report);
      await savePoints(this.#store);
      const gone = await this.#removals.pending();
      const rest = await repositoryState(paths.repository);
      report({ event: "step", title: `copying to ${this.#copy.name}` });
      await this.#pushWal();
      await this.#compareWal(onStats);
      await this.#copy.pushRest(() => this.#pushWal(), onStats);
      if (gone.length > 0) {
        await this.#copy.remove(gone);
        await this.#removals.done(gone);
      }
      await this.#remember({ rest });
    });
  }

  /** Once a day, and first of all, all WAL is looked at. */
  async #compareWal(onStats: (stats: TransferStats) => void): Promise<void> {
    const { comparedOn, walAt } = this.#state;
    if (comparedOn === today()) return;
    const at = new Date();
    await this.#copy.pushAllWal({ isOld: walAt !== null, onStats });
    await this.#remember({
      comparedOn: at.toISOString().slice(0, 10),
      ...(walAt === null ? { walAt: at.toISOString() } : {}),
    });
  }

  #progress(report: Report): (stats: TransferStats) => void {
    const tellStats = statsReport(report);
    return (stats) => {
      this.#stats = stats;
      tellStats(stats);
    };
  }

  /** One of a kind at a time; the status tells how the last one ended. */
  #noted(kind: "wal" | "rest", queue: Queue, report: Report, job: () => Promise<void>): Promise<void> {
    return queue.add(`copy off this host`, report, async () => {
      try {
        await job();
        this.#problems[kind] = null;
      } catch (error) {
        this.#problems[kind] = (error as Error).message;
        throw error;
      }
    });
  }

  async #remember(change: Partial<State>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const state = this.#state;
    // The two lanes must not write the file at the same time.
    await this.#writes.add("state", silent, () => writeJson(stateFile, state));
  }
}

function tell(error: Error): void {
  // The status tells it; the log has it for whoever looks there.
  console.error(`offsite: ${error.message}`);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
