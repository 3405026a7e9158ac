import type { RowCounts } from "../contract.ts";
import { isArchived } from "../pgbackrest/archiver.ts";
import type { Client } from "../postgres.ts";
import { writeJson } from "../process/json-file.ts";
import type { World } from "../world.ts";
import { countRows } from "./checks.ts";
import { type Heartbeat, heartbeatFile, pointName, prepareHeartbeats, readHeartbeats } from "./heartbeat.ts";

const kept = 200;
/** Row counts are kept for this many restore points. */
const keptCounts = 20;
/** An idle database gets a heartbeat this often, in seconds: each one costs a WAL segment of 16 MB. */
const idleSeconds = 900;
/** Counting may take this share of the time. */
const countingShare = 0.02;

/** Writes heartbeats, and knows which of them can be restored. */
export class Heartbeats {
  readonly #world: World;
  readonly #pointSeconds: number;
  #beats: Heartbeat[] = [];
  #countedAt = 0;
  #countingSeconds = 0;
  #isPrepared = false;
  /** When a turn last found that nothing would be lost, in milliseconds: whatever would be now was written later. */
  #safeAt = 0;

  /** @param pointSeconds time between restore points: two in one archive interval are of no more use than one */
  constructor(world: World, pointSeconds: number) {
    this.#world = world;
    this.#pointSeconds = pointSeconds;
  }

  /** Resumes where an earlier process ended. */
  async load(): Promise<void> {
    this.#beats = await readHeartbeats(this.#world);
  }

  /**
   * One turn: writes a heartbeat when there is a reason to, and finds out which ones are archived by now.
   *
   * @param backedUpAt when the newest backup ended, ISO 8601
   * @returns age in seconds of the oldest write that would be lost with the database at this moment, 0 when none would be;
   *   null while nothing can be restored
   */
  async beat(backedUpAt: string | undefined): Promise<number | null> {
    const now = this.#world.now();
    return this.#world.postgres(async (client) => {
      const isFirst = !this.#isPrepared;
      if (isFirst) await this.#prepare(client);
      const { activity, started } = await rowsWritten(client);
      const isDue = this.#isDue(activity, backedUpAt, now);
      if (isDue) await this.#write(client, activity, now);
      const hasNews = await this.#look(client);
      // An idle machine should not write to its disk at each turn.
      if (isFirst || isDue || hasNews) await writeJson(heartbeatFile(this.#world), this.#beats);
      return this.#lossSeconds(activity, started, now);
    });
  }

  /** After a restore to an earlier time, the database lacks the later heartbeats, and nothing leads to them. */
  async #prepare(client: Client): Promise<void> {
    await prepareHeartbeats(client);
    const { rows } = await client.query<{ id: string; at: Date }>("select id, at from backup.heartbeat");
    const there = new Map(rows.map(({ id, at }) => [Number(id), at.toISOString()]));
    this.#beats = this.#beats.filter(({ id, at }) => there.get(id) === at);
    this.#isPrepared = true;
  }

  #isDue(activity: string, backedUpAt: string | undefined, now: number): boolean {
    const last = this.#beats.at(-1);
    if (last === undefined || last.activity !== activity) return true;
    // The last state before an idle time needs a restore point, or no drill would reach it.
    const hasPoint = this.#beats.some((beat) => beat.point !== undefined && beat.activity === activity);
    if ((!hasPoint || this.#isBehindPoints(backedUpAt, now)) && this.#mayMakePoint(now)) return true;
    return now - Date.parse(last.at) > idleSeconds * 1000;
  }

  /** Is a backup newer than all restore points? A drill needs a point after it; their names have whole seconds. */
  #isBehindPoints(backedUpAt: string | undefined, now: number): boolean {
    if (backedUpAt === undefined) return false;
    const ended = Date.parse(backedUpAt) + 1000;
    return now > ended && !this.#beats.some(({ point, at }) => point !== undefined && Date.parse(at) > ended);
  }

  #mayMakePoint(now: number): boolean {
    const last = this.#beats.findLast(({ point }) => point !== undefined);
    const isTime = last === undefined || now - Date.parse(last.at) >= this.#pointSeconds * 1000;
    return isTime && now - this.#countedAt >= (this.#countingSeconds / countingShare) * 1000;
  }

  async #write(client: Client, activity: string, now: number): Promise<void> {
    const name = this.#mayMakePoint(now) ? pointName(new Date(now)) : null;
    const before = name === null ? null : await this.#count();
    const { rows } = await client.query<{ id: string; at: Date }>(
      "insert into backup.heartbeat (point, rows) values ($1, $2) returning id, at",
      [name, before && JSON.stringify(before)],
    );
    const made =
      name === null
        ? await client.query<{ lsn: string }>("select pg_current_wal_lsn() as lsn")
        : await client.query<{ lsn: string }>("select pg_create_restore_point($1) as lsn", [name]);
    const counted = name && before && { point: name, rows: { before, after: await this.#count() } };
    this.#beats.push({
      id: Number(rows[0]?.id),
      at: (rows[0]?.at ?? new Date(now)).toISOString(),
      lsn: made.rows[0]?.lsn ?? "0/0",
      activity,
      isRecoverable: false,
      ...counted,
    });
    await client.query("delete from backup.heartbeat where at < now() - interval '2 days'");
    this.#forget();
  }

  async #count(): Promise<RowCounts> {
    const started = this.#world.now();
    const counts = await countRows(this.#world);
    this.#countingSeconds = (this.#world.now() - started) / 1000;
    this.#countedAt = started;
    return counts;
  }

  #forget(): void {
    this.#beats = this.#beats.slice(-kept);
    const counted = this.#beats.filter(({ rows }) => rows !== undefined);
    const old = new Set(counted.slice(0, -keptCounts).map(({ id }) => id));
    this.#beats = this.#beats.map((beat) => {
      if (!old.has(beat.id)) return beat;
      const { rows: _, ...rest } = beat;
      return rest;
    });
  }

  /** @returns whether more of them can be restored now */
  async #look(client: Client): Promise<boolean> {
    const open = this.#beats.filter(({ isRecoverable }) => !isRecoverable);
    if (open.length === 0) return false;
    const { rows } = await client.query<{ id: string }>(
      `select id from unnest($1::bigint[], $2::pg_lsn[]) as beat (id, lsn) where ${isArchived}`,
      [open.map(({ id }) => id), open.map(({ lsn }) => lsn)],
    );
    const ids = new Set(rows.map(({ id }) => Number(id)));
    for (const beat of open) if (ids.has(beat.id)) beat.isRecoverable = true;
    return ids.size > 0;
  }

  /** @param started when Postgres started, in milliseconds since 1970 */
  #lossSeconds(activity: string, started: number, now: number): number | null {
    const newest = this.#beats.findLast(({ isRecoverable }) => isRecoverable);
    if (newest === undefined) return null;
    if (newest.activity === activity) {
      this.#safeAt = now;
      return 0;
    }
    // Postgres archives all it has when it stops, and its counters begin at 0 after a crash.
    const isArchivedUntilStart =
      BigInt(activity) >= BigInt(newest.activity) &&
      this.#beats.every(({ isRecoverable, at }) => isRecoverable || Date.parse(at) >= started);
    const since = Math.max(Date.parse(newest.at), this.#safeAt, isArchivedUntilStart ? started : 0);
    return Math.max(0, (now - since) / 1000);
  }
}

/** The heartbeats themselves are in database postgres, which does not count. */
async function rowsWritten(client: Client): Promise<{ activity: string; started: number }> {
  const { rows } = await client.query<{ total: string; started: Date }>(
    `select coalesce(sum(tup_inserted + tup_updated + tup_deleted), 0)::text as total, pg_postmaster_start_time() as started
       from pg_stat_database where datname is distinct from 'postgres'`,
  );
  return { activity: rows[0]?.total ?? "0", started: Number(new Date(rows[0]?.started ?? 0)) };
}
