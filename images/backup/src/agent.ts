import type { BackupRecord, BackupStatus, BackupType, Check, Report, Repository, Settings } from "./contract.ts";
import { BackupError } from "./errors.ts";
import { Memory } from "./memory.ts";
import { OffsitePushes } from "./offsite/pushes.ts";
import { archiver } from "./pgbackrest/archiver.ts";
import { Backups, type Pace } from "./pgbackrest/backups.ts";
import { Queue } from "./queue.ts";
import { readDrill } from "./restore/drill.ts";
import { Heartbeats } from "./restore/heartbeats.ts";
import { listing } from "./restore/points.ts";
import { Attempts, dueBackup, isDue } from "./schedule.ts";
import { statusOf } from "./status.ts";
import { escrowKeys, savePoints, storeExtras } from "./store/extras.ts";
import { EncryptedStore } from "./store/store.ts";
import type { World } from "./world.ts";

const silent: Report = () => {};

/** Everything the serving process does, by schedule and on demand. */
export class Agent {
  readonly #world: World;
  readonly #settings: Settings;
  readonly #repository: Backups;
  readonly #store: EncryptedStore;
  readonly #offsite: OffsitePushes | undefined;
  readonly #heartbeats: Heartbeats;
  readonly #attempts: Attempts;
  readonly #memory: Memory;
  readonly #queue = new Queue();
  #lossSeconds: number | null = null;
  #backups: readonly BackupRecord[] = [];
  #isReady = false;
  #repositoryProblem: string | null = null;
  #postgresProblem: string | null = null;

  constructor(world: World, settings: Settings) {
    const { recoveryKey, offsite, archiveSeconds } = settings;
    this.#world = world;
    this.#attempts = new Attempts(world.now);
    this.#memory = new Memory(world);
    this.#settings = settings;
    this.#repository = new Backups(world, settings);
    this.#store = new EncryptedStore(world, recoveryKey);
    if (offsite !== undefined)
      this.#offsite = new OffsitePushes(world, offsite, archiveSeconds, () => savePoints(world, this.#store));
    this.#heartbeats = new Heartbeats(world, archiveSeconds);
  }

  /** Resumes where an earlier process ended. */
  async load(): Promise<void> {
    await this.#memory.load();
    await this.#heartbeats.load();
    await this.#offsite?.load();
  }

  /** Makes the repository ready; called until it is. */
  async prepare(): Promise<void> {
    if (this.#isReady) return;
    try {
      await this.#repository.prepare();
      await escrowKeys(this.#store, this.#settings.keys, this.#world.now());
      this.#backups = await this.#repository.list();
      this.#isReady = true;
      this.#repositoryProblem = null;
    } catch (error) {
      this.#repositoryProblem = (error as Error).message;
    }
  }

  async beat(): Promise<void> {
    try {
      this.#lossSeconds = await this.#heartbeats.beat(this.#backups.at(-1)?.stoppedAt);
      this.#postgresProblem = null;
    } catch (error) {
      this.#postgresProblem = (error as Error).message;
    }
  }

  /** Runs what is due, unless something is running. */
  async tick(): Promise<void> {
    if (!this.#isReady || !this.#queue.isIdle || this.#postgresProblem !== null) return;
    const type = dueBackup(this.#settings.schedule, this.#backups, new Date(this.#world.now()));
    // Somebody may be waiting for the first one.
    const pace = this.#backups.length === 0 ? "fast" : "gentle";
    if (type !== undefined && this.#attempts.mayTry("backup"))
      await this.#attempts.run("backup", () => this.backup(type, pace, silent));
    else if (this.#isDue("extras", this.#settings.schedule.differential))
      await this.#attempts.run("extras", () => this.extras(silent));
    else if (this.#isDue("verify", this.#settings.schedule.verify))
      await this.#attempts.run("verify", () => this.verify(silent));
  }

  /** Starts what is due of the copy on another host, which runs next to everything else. */
  async copyTick(): Promise<void> {
    if (this.#isReady) await this.#offsite?.tick(!this.#queue.isIdle);
  }

  list(): Promise<Repository> {
    return listing(this.#world, this.#repository);
  }

  backup(type: BackupType, pace: Pace, report: Report): Promise<BackupRecord> {
    return this.#job("backup", `${type} backup`, report, async () => {
      report({ event: "step", title: `${type} backup` });
      const record = await this.#repository.make(type, pace, report);
      this.#backups = await this.#repository.list();
      if (record.type === "full") await this.#expire();
      return record;
    });
  }

  expire(report: Report): Promise<{ removed: string[] }> {
    return this.#queue.add("expiry", report, () => this.#expire());
  }

  verify(report: Report): Promise<{ ok: boolean; checks: Check[] }> {
    return this.#queue.add("verification", report, async () => {
      report({ event: "step", title: "reading the whole repository" });
      const checks = await this.#repository.verify();
      const bad = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
      const problem = bad.length === 0 ? null : bad.join("; ");
      await this.#memory.remember({ verify: { at: this.#now(), problem, checks } });
      if (problem === null) return { ok: true, checks };
      throw new BackupError(`the repository is damaged: ${problem}`, "make backup TYPE=full");
    });
  }

  /** Dumps, Letta's files and the names of restore points. */
  extras(report: Report) {
    const { dumps } = this.#settings.retention;
    const work = () => storeExtras(this.#world, this.#store, dumps, report);
    return this.#job("extras", "dumps and files", report, work);
  }

  async push(report: Report): Promise<{ at: string }> {
    if (this.#offsite === undefined)
      throw new BackupError("no other host is configured", "set thoth-letta:backup.offsite");
    return this.#offsite.push(report);
  }

  /** Keeps all jobs away from the repository until the client leaves. */
  hold(report: Report, closed: Promise<void>): Promise<object> {
    return this.#queue.add("export", report, async () => {
      report({ event: "held" });
      await closed;
      return {};
    });
  }

  /** @throws BackupError until the repository takes backups */
  async health(): Promise<{ ready: true }> {
    if (this.#isReady) return { ready: true };
    throw new BackupError((await this.status()).problems.join("; ") || "not ready yet");
  }

  async status(): Promise<BackupStatus> {
    const observed = {
      backups: this.#backups,
      archiver: this.#postgresProblem === null ? await archiver(this.#world).catch(() => null) : null,
      postgresProblem: this.#postgresProblem,
      repositoryProblem: this.#repositoryProblem,
      lossSeconds: this.#lossSeconds,
      drill: await readDrill(this.#world),
      offsite: this.#offsite?.status(this.#memory.content.since),
      running: this.#queue.running ?? null,
    };
    return statusOf(this.#settings, this.#memory.content, observed, new Date(this.#world.now()));
  }

  async #expire(): Promise<{ removed: string[] }> {
    const removed = await this.#repository.expire();
    this.#backups = await this.#repository.list();
    return { removed };
  }

  #isDue(name: "extras" | "verify", schedule: string): boolean {
    // A repository that was never verified is a new one; its backups check what they write.
    const { [name]: done, since } = this.#memory.content;
    const last = done?.at ?? (name === "verify" ? since : undefined);
    const now = new Date(this.#world.now());
    return this.#attempts.mayTry(name) && isDue(schedule, last === undefined ? undefined : new Date(last), now);
  }

  /** Runs a job in its turn, and remembers how it ended. */
  #job<Result>(name: "backup" | "extras", title: string, report: Report, job: () => Promise<Result>): Promise<Result> {
    return this.#queue.add(title, report, async () => {
      try {
        const result = await job();
        await this.#memory.remember({ [name]: { at: this.#now(), problem: null } });
        return result;
      } catch (error) {
        await this.#memory.remember({ [name]: { at: this.#now(), problem: (error as Error).message } });
        throw error;
      }
    });
  }

  #now(): string {
    return new Date(this.#world.now()).toISOString();
  }
}
