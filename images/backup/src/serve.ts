import { Agent } from "./agent.ts";
import { type BackupType, backupTypes, type Report, type Settings } from "./contract.ts";
import { type Handlers, serveControl } from "./control.ts";
import { BackupError } from "./errors.ts";
import { Notes, noteSeconds } from "./notes.ts";
import { repositoryId } from "./offsite/copy.ts";
import { Backups } from "./pgbackrest/backups.ts";
import { output } from "./process/run.ts";
import { Queue } from "./queue.ts";
import { drill, drillTarget, readDrill } from "./restore/drill.ts";
import { createPoint } from "./restore/points.ts";
import { Attempts, isDue } from "./schedule.ts";
import type { World } from "./world.ts";

/** Serves the backups until it is stopped. */
export async function serve(world: World, settings: Settings): Promise<void> {
  await output(world, "mkdir", ["-p", world.paths.status, world.paths.files]);
  await repositoryId(world);
  const agent = new Agent(world, settings);
  await agent.load();
  await serveControl(world.paths.control, handlers(world, agent));
  const signal = stopSignal();
  every(2, signal, () => agent.prepare());
  every(settings.heartbeatSeconds, signal, () => agent.beat());
  every(5, signal, () => agent.tick());
  // Separately: a backup may take hours, and WAL is copied meanwhile.
  every(Math.min(5, settings.archiveSeconds), signal, () => agent.copyTick());
  const notes = new Notes(world);
  every(noteSeconds, signal, () => notes.backup(agent));
  // A backup in progress ends with the container; the next one resumes it.
  await ended(signal);
  process.exit(0);
}

/** Serves the drills until it is stopped. */
export async function serveDrill(world: World, settings: Settings): Promise<void> {
  const backups = new Backups(world, settings);
  const queue = new Queue();
  const attempts = new Attempts(world.now);
  const run = (point: string | undefined, report: Report) =>
    queue.add("drill", report, () => drill(world, backups, settings, point, report));
  await serveControl(world.paths.control, {
    drill: async ({ to }, report) => run(to, report),
    status: async () => (await readDrill(world)) ?? null,
    health: async () => ({ ready: true }),
  });
  const signal = stopSignal();
  const notes = new Notes(world);
  every(noteSeconds, signal, () => notes.drill());
  every(10, signal, async () => {
    if (!queue.isIdle || !attempts.mayTry("drill") || !(await isDrillDue(world, settings, backups))) return;
    await attempts.run("drill", async () => {
      const { ok, problem } = await run(undefined, () => {});
      if (!ok) throw new Error(problem ?? "a check failed");
    });
  });
  await ended(signal);
  process.exit(0);
}

/** By schedule, and after each change of images or config, once there is something to restore. */
async function isDrillDue(
  world: World,
  { schedule, drillOnStart, configHash }: Settings,
  backups: Backups,
): Promise<boolean> {
  const last = await readDrill(world);
  const isChanged = drillOnStart && last?.configHash !== configHash;
  const isTime = last !== undefined && isDue(schedule.drill, new Date(last.at), new Date(world.now()));
  if (!isChanged && !isTime) return false;
  return (await drillTarget(world, backups).catch(() => undefined)) !== undefined;
}

function handlers(world: World, agent: Agent): Handlers {
  return {
    now: async ({ type = "incremental", pace }, report) =>
      agent.backup(backupType(type), pace === "gentle" ? "gentle" : "fast", report),
    list: async () => agent.list(),
    verify: async (_, report) => agent.verify(report),
    expire: async (_, report) => agent.expire(report),
    point: async ({ name = "" }) => createPoint(world, name),
    dump: async (_, report) => agent.extras(report),
    "offsite push": async (_, report) => agent.push(report),
    status: async () => agent.status(),
    health: async () => agent.health(),
    hold: async (_, report, closed) => agent.hold(report, closed),
  };
}

/** @throws BackupError when it is not one */
function backupType(text: string): BackupType {
  const type = backupTypes.find((name) => name === text);
  if (type !== undefined) return type;
  throw new BackupError(`"${text}" is not a type of backup`, `use ${backupTypes.join(", ")}`);
}

/** Does something now, and again after each rest of this many seconds. */
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
