import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Check, DrillResult, Report, RowCounts, Settings } from "../contract.ts";
import { BackupError } from "../errors.ts";
import type { Backups } from "../pgbackrest/backups.ts";
import { backupFor } from "../pgbackrest/timelines.ts";
import { rowsOf } from "../postgres.ts";
import { readJson, writeJson } from "../process/json-file.ts";
import type { World } from "../world.ts";
import { compareRows, countRows } from "./checks.ts";
import { type Heartbeat, readHeartbeats } from "./heartbeat.ts";
import { datedTarget } from "./points.ts";
import type { PrivateServer } from "./private-server.ts";
import { restore } from "./restore.ts";

const resultFile = ({ paths }: Pick<World, "paths">) => join(paths.scratch, "drill.json");

/** The last drill's result; undefined before the first. */
export function readDrill(world: Pick<World, "paths">): Promise<DrillResult | undefined> {
  return readJson<DrillResult>(resultFile(world));
}

/** The newest heartbeat that a drill can restore: archived, counted, and after a backup. */
export async function drillTarget(world: World, backups: Backups): Promise<Heartbeat | undefined> {
  const records = await backups.list();
  const isBehindBackup = ({ at }: Heartbeat) => backupFor({ type: "time", time: at }, records) !== undefined;
  return (await readHeartbeats(world)).findLast(
    (beat) => beat.isRecoverable && beat.rows !== undefined && isBehindBackup(beat),
  );
}

/**
 * Restores a heartbeat into the scratch volume, checks all of it, and keeps the result. A failed drill is a result too.
 *
 * @param point the restore point; default: that of {@link drillTarget}
 */
export async function drill(
  world: World,
  backups: Backups,
  { configHash }: Pick<Settings, "configHash">,
  point: string | undefined,
  report: Report,
): Promise<DrillResult> {
  const started = world.now();
  const folder = join(world.paths.scratch, "drill");
  await rm(folder, { recursive: true, force: true });
  const found = await restorePoint(world, backups, { point, cluster: join(folder, "pgdata") }, report).catch(failed);
  await rm(folder, { recursive: true, force: true });
  const result = {
    ...found,
    ok: found.problem === null && found.checks.every(({ ok }) => ok),
    at: new Date(started).toISOString(),
    seconds: (world.now() - started) / 1000,
    configHash,
  };
  await writeJson(resultFile(world), result);
  return result;
}

type Found = Omit<DrillResult, "ok" | "at" | "seconds" | "configHash">;

async function restorePoint(
  world: World,
  backups: Backups,
  { point, cluster }: { point: string | undefined; cluster: string },
  report: Report,
): Promise<Found> {
  const started = world.now();
  const beats = await readHeartbeats(world);
  const beat = point === undefined ? await drillTarget(world, backups) : beats.find((each) => each.point === point);
  const name = point ?? beat?.point;
  if (name === undefined)
    throw new BackupError("there is no archived heartbeat after a backup yet", "make backup, then wait a minute");
  const target = await datedTarget(world, { type: "name", name });
  const inspect = (server: PrivateServer) => checkHeartbeat(world, server, name, beat);
  const restored = await restore(world, backups, { target, cluster, inspect }, report);
  const { restoreSeconds, replaySeconds, label, bytes, checks } = restored;
  const lossSeconds = target.type === "name" ? (started - target.at.getTime()) / 1000 : null;
  return { restoreSeconds, replaySeconds, lossSeconds, target: name, label, bytes, checks, problem: null };
}

/** Is the heartbeat itself there, and every row that was there with it? */
async function checkHeartbeat(
  world: World,
  { socket }: PrivateServer,
  name: string,
  beat: Heartbeat | undefined,
): Promise<Check[]> {
  if (beat === undefined) return [];
  const sql = "select rows from backup.heartbeat where point = $1";
  const [row] = await rowsOf<{ rows: RowCounts }>(world, sql, [name], { socket });
  const ok = row !== undefined;
  const isThere = { name: "heartbeat", ok, detail: `${name} is ${ok ? "there" : "missing"}` };
  const before = row?.rows ?? beat.rows?.before ?? {};
  return [isThere, compareRows(await countRows(world, socket), before, beat.rows?.after ?? before)];
}

function failed(error: unknown): Found {
  const none = { restoreSeconds: null, replaySeconds: null, lossSeconds: null, target: null, label: null, bytes: null };
  return { ...none, checks: [], problem: error instanceof Error ? error.message : String(error) };
}
