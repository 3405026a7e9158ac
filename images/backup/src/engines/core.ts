import { BackupError } from "../errors.ts";
import type { Report } from "../events.ts";
import { paths } from "../paths.ts";
import { output } from "../run.ts";
import type { Settings } from "../settings.ts";
import { EncryptedStore } from "../store.ts";
import { until } from "../until.ts";
import { isStreaming, WalSink } from "../wal-sink.ts";
import { sinkName } from "../wal-sink-receiver.ts";
import { CoreArchive } from "./core-archive.ts";
import { type Cluster, clusterNow, type Taken, takeBackup } from "./core-backup.ts";
import { expire } from "./core-expire.ts";
import { fetchCluster } from "./core-fetch.ts";
import { Gap, missingAfter } from "./core-gap.ts";
import { type CoreRecord, chainOf, keyError, readRecords } from "./core-records.ts";
import { recoverOwnTimeline } from "./core-recovery.ts";
import { WalSwitch } from "./core-switch.ts";
import { checkBackup, checkContinuity, checkWalFiles } from "./core-verify.ts";
import type { BackupType, Check, Engine, Pace } from "./engine.ts";

/** Written once; who can read it has the repository's key. */
const keyCheck = "key-check";
/** The archive may take this long to get what a backup cannot do without, in milliseconds. */
const archiveTimeout = 120_000;

/** Postgres' own tools alone: pg_receivewal, pg_basebackup and pg_combinebackup, which every image of Postgres 17 has. */
export function coreEngine(settings: Settings, log: (line: string) => void = (line) => console.error(line)): Engine {
  const store = new EncryptedStore(paths.core, settings.recoveryKey);
  const records = () => readRecords(store);
  const gap = new Gap(store, records);
  const archive = new CoreArchive(store, () => gap.note());
  const sink = new WalSink(settings, { tidy: (files) => archive.take(files), onGap: () => gap.note(), log });
  const walSwitch = new WalSwitch(settings.archiveSeconds, log);
  let isPrepared = false;

  return {
    name: "core",
    // The slot remembers what the sink has told to be on its disk, whether the sink is there at the moment or not.
    isRecoverable: `lsn <= (select restart_lsn from pg_replication_slots where slot_name = '${sinkName}')`,
    archiver: () => ({ ...archive.state, failing: archive.state.failing ?? sink.problem ?? gap.problem }),
    rpoZero: () => sink.rpoZero,
    async start() {
      if (!isPrepared) {
        await prepare(store);
        await gap.look();
        isPrepared = true;
      }
      sink.start();
      walSwitch.start();
      const problem = () => new BackupError(`Postgres does not stream its WAL: ${sink.problem ?? "not yet"}`);
      await until(() => isStreaming().catch(() => false), 5000, problem);
    },
    async stop() {
      walSwitch.stop();
      await sink.stop();
    },
    async backup(type, pace, report) {
      const cluster = await clusterNow();
      const known = await records();
      const taken = await takeOrFull(store, cluster, { type, pace, known }, report);
      report({ event: "step", title: "waiting for its WAL" });
      const isArchived = async () => (await missingFor(store, taken.record)).length === 0;
      const reason = () => archive.state.failing ?? sink.problem ?? "not yet";
      const problem = () => new BackupError(`WAL of the backup is not archived: ${reason()}`);
      await until(() => isArchived().catch(() => false), archiveTimeout, problem);
      const text = `${JSON.stringify(taken.record)}\n`;
      await store.put(taken.names.record, [["cat", [], { input: text }]]);
      await gap.look();
      return taken.record;
    },
    list: records,
    async verify(report) {
      const known = await records();
      const checks: Check[] = [await checkContinuity(store, known), await checkWalFiles(store)];
      for (const record of known) checks.push(await checkBackup(store, record, known, report));
      return checks;
    },
    expire: async () => expire(store, await records(), settings.retention),
    // Physical files of one database are of no use without the others here, so `only` restores all of them.
    fetch: async (target, cluster, _, report) => fetchCluster(store, await records(), target, cluster, report),
    async prepareRejoin(cluster) {
      await recoverOwnTimeline(cluster);
      return store.environment();
    },
  };
}

/** Makes the repository, and sweeps away what an earlier process was writing. @throws BackupError with another key */
async function prepare(store: EncryptedStore): Promise<void> {
  await output("mkdir", ["-p", paths.core, paths.walSink]);
  if (await store.has(keyCheck)) {
    await store.text(keyCheck).catch((error: BackupError) => {
      throw keyError(error);
    });
  } else await store.put(keyCheck, [["cat", [], { input: new Date().toISOString() }]]);
  await output("find", [paths.core, "-name", "*.new.bin", "-delete"]);
}

/** What the type asks for, or a full backup where there is nothing that it could stand on. */
async function takeOrFull(
  store: EncryptedStore,
  cluster: Cluster,
  { type, pace, known }: { type: BackupType; pace: Pace; known: readonly CoreRecord[] },
  report: Report,
): Promise<Taken> {
  const labels = known.map(({ label }) => label);
  const take = (parent: readonly CoreRecord[]) =>
    takeBackup(store, cluster, { type: parent.length === 0 ? "full" : type, pace, parent, known: labels }, report);
  const parent = await parentFor(store, cluster, type, known);
  try {
    return await take(parent);
  } catch (error) {
    // Postgres has no record of the changes since then: it was off, or too long ago.
    const isUnknown = error instanceof BackupError && /WAL summar/i.test(error.message);
    if (!isUnknown || parent.length === 0) throw error;
    report({ event: "log", line: `a full backup is made, as Postgres says: ${error.message}` });
    return take([]);
  }
}

/** The chain that a new backup goes on from; empty for a full one. */
async function parentFor(
  store: EncryptedStore,
  { systemId, timeline }: Cluster,
  type: BackupType,
  known: readonly CoreRecord[],
): Promise<readonly CoreRecord[]> {
  if (type === "full") return [];
  const last = known.at(-1);
  if (last === undefined || last.systemId !== systemId || last.timeline !== timeline) return [];
  const chain = chainOf(last, known);
  // After a gap nothing old can be replayed up to now: time for something whole.
  if (chain === undefined || (await missingAfter(store, last)).length > 0) return [];
  return type === "differential" ? chain.slice(0, 1) : chain;
}

/** Segments between a backup's beginning and its end that are not archived. */
async function missingFor(store: EncryptedStore, record: CoreRecord): Promise<string[]> {
  const archived = new Set((await new CoreArchive(store).list()).map(({ name, isPartial }) => !isPartial && name));
  return [record.startSegment, record.stopSegment].filter((name) => !archived.has(name));
}
