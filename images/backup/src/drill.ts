import { rm } from "node:fs/promises";
import { join } from "node:path";
import { compareRows, countRows, type RowCounts } from "./checks.ts";
import { backupFor, type Check, type Engine } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { type Heartbeat, readHeartbeats } from "./heartbeat.ts";
import { readJson, writeJson } from "./json-file.ts";
import { paths } from "./paths.ts";
import { parseTarget } from "./points.ts";
import { withPostgres } from "./postgres.ts";
import type { PrivateServer } from "./private-server.ts";
import { restore } from "./restore.ts";
import type { Settings } from "./settings.ts";

/** What a rehearsal of a restore found. */
export interface DrillResult {
  readonly ok: boolean;
  /** When it began, ISO 8601. */
  readonly at: string;
  readonly seconds: number;
  readonly restoreSeconds: number | null;
  readonly replaySeconds: number | null;
  /** Age of the restored state when the rehearsal began. */
  readonly lossSeconds: number | null;
  /** The heartbeat that was restored. */
  readonly target: string | null;
  readonly label: string | null;
  readonly bytes: number | null;
  readonly checks: readonly Check[];
  /** Why there is no more than this; null when it went to its end. */
  readonly problem: string | null;
  /** Images and config it was made with. */
  readonly configHash: string;
}

const resultFile = join(paths.scratch, "drill.json");
const cluster = join(paths.scratch, "drill/pgdata");

/** The last rehearsal's result, or undefined before the first. */
export const readDrill = () => readJson<DrillResult>(resultFile);

/** The newest heartbeat that can be rehearsed: archived, counted, and after a backup. */
export async function drillTarget(engine: Engine): Promise<Heartbeat | undefined> {
  const backups = await engine.list();
  const isBehindBackup = ({ at, point }: Heartbeat) =>
    backupFor({ type: "name", name: point ?? "", at: new Date(at) }, backups) !== undefined;
  return (await readHeartbeats()).findLast(
    (beat) => beat.isRecoverable && beat.rows !== undefined && isBehindBackup(beat),
  );
}

/** Restores to a heartbeat in the scratch volume, looks at all of it, and keeps the result. A failed one is a result too. */
export async function drill(
  engine: Engine,
  settings: Settings,
  to: string | undefined,
  report: Report,
): Promise<DrillResult> {
  const started = Date.now();
  await rm(join(paths.scratch, "drill"), { recursive: true, force: true });
  const outcome = await rehearse(engine, to, started, report).catch((error: unknown) => failed(error));
  await rm(join(paths.scratch, "drill"), { recursive: true, force: true });
  const result = {
    ...outcome,
    ok: outcome.problem === null && outcome.checks.every(({ ok }) => ok),
    at: new Date(started).toISOString(),
    seconds: (Date.now() - started) / 1000,
    configHash: settings.configHash,
  };
  await writeJson(resultFile, result);
  return result;
}

type Outcome = Omit<DrillResult, "ok" | "at" | "seconds" | "configHash">;

async function rehearse(engine: Engine, to: string | undefined, started: number, report: Report): Promise<Outcome> {
  const beat =
    to === undefined ? await drillTarget(engine) : (await readHeartbeats()).find(({ point }) => point === to);
  const name = to ?? beat?.point;
  if (name === undefined)
    throw new BackupError("there is no archived heartbeat after a backup yet", "make backup, then wait a minute");
  const target = await parseTarget(`name:${name}`);
  const inspect = (server: PrivateServer) => inspectHeartbeat(server, name, beat);
  const restored = await restore(engine, { target, cluster, inspect }, report);
  return {
    restoreSeconds: restored.restoreSeconds,
    replaySeconds: restored.replaySeconds,
    lossSeconds: target.type === "name" ? (started - target.at.getTime()) / 1000 : null,
    target: name,
    label: restored.label,
    bytes: restored.bytes,
    checks: restored.checks,
    problem: null,
  };
}

/** Is the heartbeat itself there, and every row that was there with it? */
async function inspectHeartbeat(server: PrivateServer, name: string, beat: Heartbeat | undefined): Promise<Check[]> {
  if (beat === undefined) return [];
  const rows = await withPostgres(
    async (client) =>
      (await client.query<{ rows: RowCounts }>("select rows from backup.heartbeat where point = $1", [name])).rows,
    { socket: server.socket },
  );
  const isThere = {
    name: "heartbeat",
    ok: rows.length === 1,
    detail: rows.length === 1 ? `${name} is there` : `${name} is missing`,
  };
  const before = rows[0]?.rows ?? beat.rows?.before ?? {};
  return [isThere, compareRows(await countRows(server.socket), before, beat.rows?.after ?? before)];
}

function failed(error: unknown): Outcome {
  const none = { restoreSeconds: null, replaySeconds: null, lossSeconds: null, target: null, label: null, bytes: null };
  return { ...none, checks: [], problem: error instanceof Error ? error.message : String(error) };
}
