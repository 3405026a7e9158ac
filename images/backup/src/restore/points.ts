import { join } from "node:path";
import type { Repository, RestorePoint, RestoreTarget } from "../contract.ts";
import { BackupError } from "../errors.ts";
import { isArchived } from "../pgbackrest/archiver.ts";
import type { Backups } from "../pgbackrest/backups.ts";
import type { DatedTarget } from "../pgbackrest/timelines.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import { until } from "../process/until.ts";
import type { World } from "../world.ts";
import { pointTime, prepareHeartbeats, readHeartbeats } from "./heartbeat.ts";

const fileOf = ({ paths }: Pick<World, "paths">) => join(paths.status, "points.json");

/** The named restore points that operators and upgrades made, oldest first. */
async function readPoints(world: Pick<World, "paths">): Promise<RestorePoint[]> {
  return (await readJson<RestorePoint[]>(fileOf(world))) ?? [];
}

/**
 * Makes a restore point, and waits until the repository has it.
 *
 * @throws BackupError when the name is taken or not valid, or it is not archived within two minutes
 */
export async function createPoint(world: World, name: string): Promise<RestorePoint & { lsn: string }> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name) || name.startsWith("hb_"))
    throw new BackupError(
      `"${name}" is not a valid name for a restore point`,
      "use letters, digits, _ . and -, and not hb_…",
    );
  const points = await readPoints(world);
  if (points.some((point) => point.name === name))
    throw new BackupError(`there is a restore point "${name}" already`, "choose another name");
  return world.postgres(async (client) => {
    const made = await client.query<{ lsn: string; at: Date }>(
      "select pg_create_restore_point($1) as lsn, clock_timestamp() as at",
      [name],
    );
    const { lsn, at } = made.rows[0] as { lsn: string; at: Date };
    // A restore to a time ends at the first commit after it, so there has to be one.
    await prepareHeartbeats(client);
    await client.query("insert into backup.heartbeat default values");
    await client.query("select pg_switch_wal()");
    const asked = `select ${isArchived} as done from (values ($1::pg_lsn)) as point (lsn)`;
    const isThere = async () => (await client.query<{ done: boolean }>(asked, [lsn])).rows[0]?.done === true;
    const problem = () =>
      new BackupError(`restore point "${name}" was made but is not in the repository after two minutes`, "make status");
    await until(isThere, 120_000, problem);
    const point = { name, at: at.toISOString() };
    await writeJson(fileOf(world), [...points, point]);
    return { ...point, lsn };
  });
}

/**
 * A target with the time of its name, by which its backup is chosen.
 *
 * @throws BackupError when the time is in the future, or there is no point of that name
 */
export async function datedTarget(world: World, target: RestoreTarget): Promise<DatedTarget> {
  if (target.type === "time" && Date.parse(target.time) > world.now())
    throw new BackupError(`${target.time} is in the future`);
  if (target.type !== "name") return target;
  const { name } = target;
  const points = await readPoints(world);
  const beat = (await readHeartbeats(world)).find(({ point }) => point === name);
  const at = points.find((point) => point.name === name)?.at ?? beat?.at ?? pointTime(name)?.toISOString();
  if (at !== undefined) return { ...target, at: new Date(at) };
  throw new BackupError(
    `there is no restore point "${name}"`,
    points.length === 0
      ? "make backup-list shows what there is"
      : `there are ${points.map((point) => point.name).join(", ")}`,
  );
}

/** What the repository holds; needs nothing else. */
export async function listing(world: World, repository: Backups): Promise<Repository> {
  const backups = await repository.list();
  const first = backups[0];
  const to = new Date(world.now()).toISOString();
  const pointInTime = first === undefined ? null : { from: first.stoppedAt, to };
  return { backups, pointInTime, points: await readPoints(world) };
}
