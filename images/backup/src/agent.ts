import { join } from "node:path";
import { savePoints } from "./archive.ts";
import { readDrill } from "./drill.ts";
import { Attempts, isDue } from "./due.ts";
import type { BackupRecord, BackupType, Check, Engine, Pace } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { archiveFiles, dumpDatabases, escrowKeys } from "./extras.ts";
import { Heartbeats } from "./heartbeat.ts";
import { readJson, writeJson } from "./json-file.ts";
import { OffsitePushes } from "./offsite-pushes.ts";
import { paths } from "./paths.ts";
import { withPostgres } from "./postgres.ts";
import { Queue } from "./queue.ts";
import type { Settings } from "./settings.ts";
import { type ArchiverState, type BackupStatus, type Observed, type Remembered, statusOf } from "./status.ts";
import { EncryptedStore } from "./store.ts";

const rememberedFile = join(paths.status, "remembered.json");
const silent: Report = () => {};

/** Everything the sidecar does, by schedule and on demand. */
export class Agent {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly queue = new Queue();
  readonly #store: EncryptedStore;
  readonly #offsite: OffsitePushes | undefined;
  readonly #heartbeats: Heartbeats;
  readonly #attempts = new Attempts();
  #remembered: Remembered = { since: new Date().toISOString() };
  #lossSeconds: number | null = null;
  #backups: BackupRecord[] = [];
  #isEngineReady = false;
  #engineProblem: string | null = null;
  #postgresProblem: string | null = null;

  constructor(settings: Settings, engine: Engine) {
    this.settings = settings;
    this.engine = engine;
    this.#store = new EncryptedStore(paths.files, settings.recoveryKey);
    this.#offsite =
      settings.offsite === undefined
        ? undefined
        : new OffsitePushes(settings.offsite, { store: this.#store, archiveSeconds: settings.archiveSeconds });
    this.#heartbeats = new Heartbeats(engine.isRecoverable, settings.archiveSeconds);
  }

  /** True once the repository takes backups. */
  get isReady(): boolean {
    return this.#isEngineReady;
  }

  async load(): Promise<void> {
    this.#remembered = { ...this.#remembered, ...(await readJson<Remembered>(rememberedFile)) };
    await this.#heartbeats.load();
    await this.#offsite?.load();
    await this.#remember({});
  }

  /** Makes the repository ready; to be called again until it is. */
  async prepare(): Promise<void> {
    if (this.#isEngineReady) return;
    try {
      await this.engine.start();
      await escrowKeys(this.#store, this.settings.keys);
      this.#backups = await this.engine.list();
      this.#isEngineReady = true;
      this.#engineProblem = null;
    } catch (error) {
      this.#engineProblem = (error as Error).message;
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

  /** Starts what is due; nothing waits behind a job that is running. */
  async tick(): Promise<void> {
    if (!this.#isEngineReady || !this.queue.isIdle || this.#postgresProblem !== null) return;
    const type = this.#dueBackup();
    // The first one is waited for, if only by whoever looks at the status.
    const pace = this.#backups.length === 0 ? "fast" : "gentle";
    if (type !== undefined && this.#attempts.mayTry("backup"))
      await this.#quietly("backup", () => this.backup(type, pace, silent));
    else if (this.#isDue("extras", this.settings.schedule.differential))
      await this.#quietly("extras", () => this.extras(silent));
    else if (this.#isDue("verify", this.settings.schedule.verify))
      await this.#quietly("verify", () => this.verify(silent));
  }

  /** Starts what is due of the copy on another host, which goes on beside everything else. */
  async copyTick(): Promise<void> {
    if (this.#isEngineReady) await this.#offsite?.tick(!this.queue.isIdle);
  }

  backup(type: BackupType, pace: Pace, report: Report): Promise<BackupRecord> {
    return this.queue.add(`${type} backup`, report, () =>
      this.#noted("backup", async () => {
        report({ event: "step", title: `${type} backup` });
        const record = await this.#removing(() => this.engine.backup(type, pace, report));
        this.#backups = await this.engine.list();
        if (record.type === "full") await this.#expire();
        return record;
      }),
    );
  }

  expire(report: Report): Promise<{ removed: string[] }> {
    return this.queue.add("expiry", report, () => this.#expire());
  }

  async #expire(): Promise<{ removed: string[] }> {
    const removed = await this.#removing(() => this.engine.expire());
    this.#backups = await this.engine.list();
    return { removed };
  }

  /** What a job removes from the repository, the copy on another host loses too. */
  #removing<Result>(job: () => Promise<Result>): Promise<Result> {
    return this.#offsite === undefined ? job() : this.#offsite.during(job);
  }

  verify(report: Report): Promise<{ ok: boolean; checks: Check[] }> {
    return this.queue.add("verification", report, async () => {
      report({ event: "step", title: "reading the whole repository" });
      const checks = await this.engine.verify(report);
      const bad = checks.filter(({ ok }) => !ok);
      const problem = bad.length === 0 ? null : bad.map(({ name, detail }) => `${name}: ${detail}`).join("; ");
      await this.#remember({ verify: { at: new Date().toISOString(), problem, checks } });
      if (problem !== null)
        throw new BackupError(
          `the repository is damaged: ${problem}`,
          "make a full backup at once: make backup TYPE=full",
        );
      return { ok: true, checks };
    });
  }

  /** Dumps, Letta's files and the names of restore points. */
  extras(report: Report) {
    return this.queue.add("dumps and files", report, () =>
      this.#noted("extras", async () => {
        report({ event: "step", title: "dumping the databases" });
        const dumps = await this.#removing(() => dumpDatabases(this.#store, this.settings));
        report({ event: "step", title: "archiving Letta's files" });
        await this.#removing(() => archiveFiles(this.#store, this.settings));
        await savePoints(this.#store);
        return { dumps };
      }),
    );
  }

  async push(report: Report): Promise<{ at: string }> {
    if (this.#offsite === undefined)
      throw new BackupError("no other host is configured", "set thoth-letta:backup.offsite");
    return this.#offsite.push(report);
  }

  async status(): Promise<BackupStatus> {
    const offsite = this.#offsite?.status(this.#remembered.since);
    const remembered = { ...this.#remembered, ...(offsite === undefined ? {} : { offsite }) };
    return statusOf(this.settings, remembered, await this.#observe());
  }

  #dueBackup(): BackupType | undefined {
    const { full, differential, incremental } = this.settings.schedule;
    const last = (...types: BackupType[]) => {
      const found = this.#backups.findLast(({ type }) => types.includes(type));
      return found === undefined ? undefined : new Date(found.stoppedAt);
    };
    if (isDue(full, last("full"))) return "full";
    if (isDue(differential, last("full", "differential"))) return "differential";
    return isDue(incremental, last("full", "differential", "incremental")) ? "incremental" : undefined;
  }

  #isDue(name: "extras" | "verify", schedule: string): boolean {
    const at = this.#remembered[name]?.at;
    // A repository that was never verified is a new one; its backups check what they write.
    const last = at ?? (name === "verify" ? this.#remembered.since : undefined);
    return this.#attempts.mayTry(name) && isDue(schedule, last === undefined ? undefined : new Date(last));
  }

  async #quietly(name: string, job: () => Promise<unknown>): Promise<void> {
    try {
      await job();
      this.#attempts.succeeded(name);
    } catch (error) {
      // The status tells it; the log has it for whoever looks there.
      console.error(`${name}: ${(error as Error).message}`);
      this.#attempts.failed(name);
    }
  }

  async #noted<Result>(name: "backup" | "extras", job: () => Promise<Result>): Promise<Result> {
    const note = (problem: string | null) => this.#remember({ [name]: { at: new Date().toISOString(), problem } });
    try {
      const result = await job();
      await note(null);
      return result;
    } catch (error) {
      await note((error as Error).message);
      throw error;
    }
  }

  async #remember(change: Partial<Remembered>): Promise<void> {
    this.#remembered = { ...this.#remembered, ...change };
    await writeJson(rememberedFile, this.#remembered);
  }

  async #observe(): Promise<Observed> {
    return {
      backups: this.#backups,
      archiver: this.#postgresProblem === null ? await archiver().catch(() => null) : null,
      postgresProblem: this.#postgresProblem,
      lossSeconds: this.#lossSeconds,
      drill: await readDrill(),
      engineProblem: this.#engineProblem,
      running: this.queue.running ?? null,
    };
  }
}

/** Postgres' own view of its archiver. An error counts until a later segment is archived. */
async function archiver(): Promise<ArchiverState> {
  return withPostgres(async (client) => {
    const { rows } = await client.query<{
      archived: Date | null;
      failed: Date | null;
      segment: string | null;
      queue: number;
    }>(
      `select last_archived_time as archived, last_failed_time as failed, last_failed_wal as segment,
         (select count(*)::int from pg_ls_archive_statusdir() where name like '%.ready') as queue
       from pg_stat_archiver`,
    );
    const row = rows[0];
    const isFailing = row?.failed != null && (row.archived === null || row.failed > row.archived);
    return {
      lastArchivedAt: row?.archived?.toISOString() ?? null,
      failing: isFailing ? `segment ${row.segment} since ${row.failed?.toISOString()}` : null,
      queue: row?.queue ?? 0,
    };
  });
}
