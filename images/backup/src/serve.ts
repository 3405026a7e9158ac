import { Agent } from "./agent.ts";
import { type Handlers, serveControl } from "./control.ts";
import { drill, drillTarget, readDrill } from "./drill.ts";
import { Attempts, isDue } from "./due.ts";
import { type BackupType, backupTypes, type Engine } from "./engines/engine.ts";
import { BackupError } from "./errors.ts";
import type { Report } from "./events.ts";
import { repositoryId } from "./offsite.ts";
import { paths } from "./paths.ts";
import { createPoint, readPoints } from "./points.ts";
import { Queue } from "./queue.ts";
import { output } from "./run.ts";
import type { Settings } from "./settings.ts";

const silent: Report = () => {};

/** Serves the sidecar until it is told to stop. */
export async function serve(settings: Settings, engine: Engine): Promise<void> {
  await output("mkdir", ["-p", paths.status, paths.files]);
  await repositoryId();
  const agent = new Agent(settings, engine);
  await agent.load();
  await serveControl(handlers(agent));
  const signal = stopSignal();
  every(2, signal, () => agent.prepare());
  every(settings.heartbeatSeconds, signal, () => agent.beat());
  every(5, signal, () => agent.tick());
  every(5, signal, () => agent.copyTick());
  await ended(signal);
  // A backup that is under way ends with the container; the next one resumes it.
  process.exit(0);
}

/** Serves the container of the rehearsals until it is told to stop. */
export async function serveDrill(settings: Settings, engine: Engine): Promise<void> {
  const queue = new Queue();
  const attempts = new Attempts();
  const run = (to: string | undefined, report: Report) =>
    queue.add("rehearsal", report, () => drill(engine, settings, to, report));
  await serveControl({
    drill: async ({ to }, report) => run(to, report),
    status: async () => (await readDrill()) ?? null,
    health: async () => ({ ready: true }),
  });
  const signal = stopSignal();
  every(10, signal, async () => {
    if (!queue.isIdle || !attempts.mayTry("drill") || !(await isDrillDue(settings, engine))) return;
    const result = await run(undefined, silent);
    if (!result.ok) attempts.failed("drill");
  });
  await ended(signal);
  process.exit(0);
}

/** By schedule, and after each change of images or config; not before there is something to rehearse. */
async function isDrillDue({ schedule, drillOnStart, configHash }: Settings, engine: Engine): Promise<boolean> {
  const last = await readDrill();
  const isOther = last?.configHash !== configHash && drillOnStart;
  const isTime = last !== undefined && isDue(schedule.drill, new Date(last.at));
  const isFirst = last === undefined && drillOnStart;
  if (!isOther && !isTime && !isFirst) return false;
  return (await drillTarget(engine).catch(() => undefined)) !== undefined;
}

function handlers(agent: Agent): Handlers {
  return {
    now: async ({ type = "incremental", pace }, report) =>
      agent.backup(backupType(type), pace === "gentle" ? "gentle" : "fast", report),
    list: async () => listing(agent.engine),
    verify: async (_, report) => agent.verify(report),
    expire: async (_, report) => agent.expire(report),
    point: async ({ name = "" }) => createPoint(name, agent.engine),
    dump: async (_, report) => agent.extras(report),
    "offsite push": async (_, report) => agent.push(report),
    status: async () => agent.status(),
    health: async () => {
      if (!agent.isReady) throw new BackupError((await agent.status()).problems.join("; ") || "not ready yet");
      return { ready: true };
    },
    // Keeps all jobs away while whoever asked reads the repository.
    hold: async (_, report, closed) =>
      agent.queue.add("export", report, async () => {
        report({ event: "log", line: "held" });
        await closed;
        return {};
      }),
  };
}

/** What the repository has; it alone tells. */
export async function listing(engine: Engine) {
  const backups = await engine.list();
  const first = backups[0];
  const pointInTime = first === undefined ? null : { from: first.stoppedAt, to: new Date().toISOString() };
  return { backups, pointInTime, points: await readPoints() };
}

/** @throws BackupError when it is none */
function backupType(text: string): BackupType {
  const type = backupTypes.find((name) => name === text);
  if (type !== undefined) return type;
  throw new BackupError(`"${text}" is no type of backup`, `one of ${backupTypes.join(", ")}`);
}

/** Does something again and again, with this many seconds of rest in between; the first time at once. */
function every(seconds: number, signal: AbortSignal, work: () => Promise<void>): void {
  const turn = async () => {
    try {
      await work();
    } catch (error) {
      console.error(error);
    }
    if (!signal.aborted) setTimeout(turn, seconds * 1000);
  };
  void turn();
}

function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => controller.abort());
  return controller.signal;
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
