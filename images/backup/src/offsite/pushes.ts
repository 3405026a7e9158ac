import { join } from "node:path";
import type { Offsite, Report } from "../contract.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import { Queue } from "../queue.ts";
import type { World } from "../world.ts";
import { OffsiteCopy, repositoryId, repositoryState } from "./copy.ts";

/** Copied again although it should be there, in milliseconds: clocks are set back, and times of files are rounded. */
const overlap = 300_000;
/** A copy that is older than this many turns and ten minutes is behind. */
const turnsBehind = 10;

const silent: Report = () => {};

/** What is known of the copy. */
interface State {
  readonly place: string;
  readonly repository: string;
  /** All WAL archived before is there, ISO 8601; null before the first copy of it. */
  readonly walAt: string | null;
  /** The repository's state without WAL when all of that was there. */
  readonly others: string | null;
  /** When the copy last became the same as the repository, removals included, ISO 8601. */
  readonly mirroredAt: string | null;
}

const nothing = { walAt: null, others: null, mirroredAt: null };

/** The state of the copy, for the status. */
export interface OffsiteState {
  readonly lastPushAt: string | null;
  /** What fails, since when, with rclone's last line; null when all is well. */
  readonly problem: string | null;
}

/**
 * Pushes in two lanes: WAL every `archiveSeconds`, everything else when it has changed. They do not wait for each other, nor
 * backups for them: a first copy may take a day.
 */
export class OffsitePushes {
  readonly #world: World;
  readonly #copy: OffsiteCopy;
  readonly #archiveSeconds: number;
  readonly #prepare: () => Promise<void>;
  readonly #lanes = { wal: new Queue(), others: new Queue() };
  readonly #writes = new Queue();
  /** Lane -> its failure and since when. */
  readonly #problems = new Map<string, { readonly since: string; readonly text: string }>();
  #state: State = { place: "", repository: "", ...nothing };
  #tried = 0;
  #stats: string | undefined;

  /** @param prepare completes the repository before everything is copied */
  constructor(world: World, offsite: Offsite, archiveSeconds: number, prepare: () => Promise<void>) {
    this.#world = world;
    this.#copy = new OffsiteCopy(world, offsite);
    this.#archiveSeconds = archiveSeconds;
    this.#prepare = prepare;
  }

  get #file(): string {
    return join(this.#world.paths.status, "offsite.json");
  }

  /** Resumes where an earlier process ended; another place or repository begins at nothing. */
  async load(): Promise<void> {
    const here = { place: this.#copy.name, repository: await repositoryId(this.#world) };
    const known = await readJson<State>(this.#file);
    const isSame = known?.place === here.place && known.repository === here.repository;
    this.#state = { ...nothing, ...(isSame ? known : {}), ...here };
  }

  /** Starts what is due, and waits for none of it. @param isBusy whether a job is changing the repository @returns what it started */
  async tick(isBusy: boolean): Promise<Promise<void>[]> {
    const now = this.#world.now();
    if (now - this.#tried < this.#archiveSeconds * 1000) return [];
    this.#tried = now;
    const { wal, others } = this.#lanes;
    const started = wal.isIdle ? [this.#pushWal().catch(log)] : [];
    if (!isBusy && others.isIdle && (await this.#areOthersDue())) started.push(this.#pushOthers(silent).catch(log));
    return started;
  }

  /** Copies everything now, and removes there what is not here. @throws BackupError when the other host does not take it */
  async push(report: Report): Promise<{ at: string }> {
    await this.#pushOthers(report, true);
    return { at: this.#state.walAt ?? "" };
  }

  /** @param since when the agent first ran, ISO 8601 */
  status(since: string): OffsiteState {
    const { others, walAt } = this.#state;
    const lastPushAt = others === null ? null : walAt;
    const failing = this.#problems.get("wal") ?? this.#problems.get("others");
    const problem =
      failing === undefined ? this.#behind(lastPushAt ?? since) : `failing since ${failing.since}: ${failing.text}`;
    return { lastPushAt, problem };
  }

  #behind(since: string): string | null {
    if (this.#world.now() - Date.parse(since) < (turnsBehind * this.#archiveSeconds + 600) * 1000) return null;
    if (this.#state.others !== null) return `nothing was copied since ${since}`;
    return `the first copy is not complete${this.#stats === undefined ? "" : `: ${this.#stats}`}`;
  }

  async #areOthersDue(): Promise<boolean> {
    if (this.#problems.has("others") || this.#isNewDay()) return true;
    return this.#state.others !== (await repositoryState(this.#world));
  }

  #pushWal(onStats?: (line: string) => void): Promise<void> {
    return this.#inLane("wal", silent, async () => {
      const at = this.#now();
      // A copy that should be there and is not begins again.
      if (!(await this.#copy.claim())) await this.#remember(nothing);
      const { walAt } = this.#state;
      await this.#copy.pushWal(walAt === null ? undefined : new Date(Date.parse(walAt) - overlap), onStats);
      await this.#remember({ walAt: at });
    });
  }

  /** @param mirrors default: once a day */
  #pushOthers(report: Report, mirrors = this.#isNewDay()): Promise<void> {
    return this.#inLane("others", report, async () => {
      const onStats = (line: string) => {
        this.#stats = line;
        report({ event: "log", line });
      };
      await this.#prepare();
      const others = await repositoryState(this.#world);
      report({ event: "step", title: `copying to ${this.#copy.name}` });
      await this.#pushWal(onStats);
      await this.#copy.pushOthers(() => this.#pushWal(onStats), onStats);
      // In the other lane, as it copies WAL too.
      if (mirrors) await this.#inLane("wal", silent, () => this.#copy.mirror(onStats));
      await this.#remember({ others, mirroredAt: mirrors ? this.#now() : this.#state.mirroredAt });
    });
  }

  #isNewDay(): boolean {
    return this.#state.mirroredAt?.slice(0, 10) !== this.#now().slice(0, 10);
  }

  /** One push of a lane at a time; the status has how the last one ended. */
  #inLane(lane: "wal" | "others", report: Report, job: () => Promise<void>): Promise<void> {
    return this.#lanes[lane].add("copy to another host", report, async () => {
      try {
        await job();
        this.#problems.delete(lane);
      } catch (error) {
        const since = this.#problems.get(lane)?.since ?? this.#now();
        this.#problems.set(lane, { since, text: (error as Error).message });
        throw error;
      }
    });
  }

  /** The lanes take turns at writing the file. */
  #remember(change: Partial<State>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const state = this.#state;
    return this.#writes.add("state", silent, () => writeJson(this.#file, state));
  }

  #now(): string {
    return new Date(this.#world.now()).toISOString();
  }
}

function log(error: Error): void {
  console.error(`offsite: ${error.message}`);
}
