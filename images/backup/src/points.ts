import { join } from "node:path";
import type { Engine, RestoreTarget } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import { pointTime, prepareHeartbeats, readHeartbeats } from "./heartbeat.ts";
import { readJson, writeJson } from "./json-file.ts";
import { paths } from "./paths.ts";
import { withPostgres } from "./postgres.ts";
import { until } from "./until.ts";

/** A moment with a name. */
export interface RestorePoint {
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
}

const file = join(paths.status, "points.json");

/** The named restore points that operators and upgrades made, oldest first. */
export async function readPoints(): Promise<RestorePoint[]> {
  return (await readJson<RestorePoint[]>(file)) ?? [];
}

/**
 * Makes a restore point, and waits until the repository has it.
 *
 * @throws BackupError when the name is taken or not one, or the archive does not follow within two minutes
 */
export async function createPoint(name: string, engine: Engine): Promise<RestorePoint & { lsn: string }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name) || name.startsWith("hb_")) {
    throw new BackupError(`"${name}" is no name for a restore point: letters, digits, _ . and -, and not hb_…`);
  }
  const points = await readPoints();
  if (points.some((point) => point.name === name)) {
    throw new BackupError(`there is a restore point "${name}" already`, "take another name");
  }
  return withPostgres(async (client) => {
    const made = await client.query<{ lsn: string; at: Date }>(
      "select pg_create_restore_point($1) as lsn, clock_timestamp() as at",
      [name],
    );
    const { lsn, at } = made.rows[0] as { lsn: string; at: Date };
    // A restore to a time ends at the first commit after it; without one it would find no end.
    await prepareHeartbeats(client);
    await client.query("insert into backup.heartbeat default values");
    await client.query("select pg_switch_wal()");
    const isThere = `select ${engine.isRecoverable} as done from (values ($1::pg_lsn)) as point (lsn)`;
    const isArchived = async () => (await client.query<{ done: boolean }>(isThere, [lsn])).rows[0]?.done === true;
    const problem = () =>
      new BackupError(`restore point "${name}" was made but is not in the repository after two minutes`, "make status");
    await until(isArchived, 120_000, problem);
    const point = { name, at: at.toISOString() };
    await writeJson(file, [...points, point]);
    return { ...point, lsn };
  });
}

/**
 * What an operator asks for as a target: `latest`, `time:2026-11-24T10:00:00Z` or `name:before-upgrade`.
 *
 * @throws BackupError when it is none of these, the time is in the future, or nobody made a point of that name
 */
export async function parseTarget(text: string, now = Date.now()): Promise<RestoreTarget> {
  if (text === "latest") return { type: "latest" };
  const [type, value] = [text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1)];
  if (type === "time") {
    const time = new Date(value);
    if (Number.isNaN(time.getTime()))
      throw new BackupError(`"${value}" is no time`, "write it as 2026-11-24T10:00:00Z");
    if (time.getTime() > now) throw new BackupError(`${time.toISOString()} is in the future`);
    return { type: "time", time };
  }
  if (type !== "name") throw new BackupError(`"${text}" is no target`, "latest, time:TIME or name:POINT");
  const known = [
    ...(await readPoints()),
    ...(await readHeartbeats()).flatMap(({ point, at }) => (point ? [{ name: point, at }] : [])),
  ];
  const at = known.find(({ name }) => name === value)?.at ?? pointTime(value)?.toISOString();
  if (at !== undefined) return { type: "name", name: value, at: new Date(at) };
  const names = (await readPoints()).map(({ name }) => name);
  throw new BackupError(
    `there is no restore point "${value}"`,
    names.length === 0 ? "make backup-list shows what there is" : `there are ${names.join(", ")}`,
  );
}
