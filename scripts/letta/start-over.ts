import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { exportBackups } from "../backup/export.ts";
import { requireSetup } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation, readOperation, requireEnded, stamp } from "../lib/operation.ts";
import { destroy, forgetProtected, stateSummary } from "../lib/pulumi.ts";
import { changeConfigFile, namesOf, prefixOf, readConfigFile } from "../lib/stack-file.ts";
import { foreignContainers, type LettaStack, readLetta } from "../lib/stacks.ts";
import { writeWhole } from "../lib/whole-file.ts";
import { postgresImage } from "./reinit.ts";

export interface StartOverOptions {
  readonly stack: string;
  /** Name of the stack, which agrees without a question. */
  readonly confirm?: string | undefined;
  /** Where the last export goes; default: a new folder in `.state/exports`. */
  readonly folder?: string | undefined;
  /** Agrees to delete everything although no last export can be taken. */
  readonly withoutExport: boolean;
  readonly dryRun: boolean;
}

/** Volumes on the engine: those that start-over deletes, and those that it cannot prove to be this stack's. */
interface Volumes {
  readonly own: readonly string[];
  readonly kept: readonly string[];
}

/**
 * Deletes a letta stack's data and secrets, so that the next start makes a new one; takes a last export first.
 *
 * Interrupted, it can be run again. The config stays.
 */
export async function startOver(options: StartOverOptions, deps: Deps): Promise<number> {
  const { stack } = options;
  await requireSetup(deps, stack);
  if ((await stateSummary(deps, stack))?.isEmpty !== false) {
    throw new UserError(`stack ${stack} has no data here that this command could delete`, "make letta-start");
  }
  const unfinished = await readOperation(deps, stack);
  if (unfinished !== undefined) requireEnded(unfinished);
  const letta = await readLetta(deps, stack);
  await requireNoClients(deps, stack, letta);
  const volumes = await findVolumes(deps, stack);
  const folder = options.folder ?? join(deps.projectDirectory, ".state/exports", `${stack}-${stamp()}`);
  const canExport = letta?.backup !== undefined && (await isServing(deps, letta.backup.container));
  for (const line of plan(stack, volumes, canExport ? folder : undefined)) deps.print(line);
  if (options.dryRun) return 0;
  if (!(await agrees(deps, options, canExport))) return 1;

  if (canExport) await exportLast(deps, stack, folder, letta);
  await destroy(deps, stack);
  for (const volume of volumes.own) await deps.engine.dockerOutput(["volume", "rm", "--force", volume]);
  await chooseVolume(deps, stack, volumes.kept);
  await forgetProtected(deps, stack);
  await endOperation(deps, { stack });
  deps.print(`stack ${stack} is deleted; a new one: make letta-start`);
  return 0;
}

async function requireNoClients(deps: Deps, stack: string, letta: LettaStack | undefined): Promise<void> {
  if (letta === undefined) return;
  const clients = await foreignContainers(deps, letta.network.name, letta.containers);
  if (clients.length === 0) return;
  throw new UserError(`the letta stack "${stack}" is in use by ${clients.join(", ")}`, "make thoth-stop");
}

/**
 * A name that only this project gives proves a volume to be the stack's, and in Postgres' volume the mark that its first
 * start leaves there. Older installations have volumes for Redis and the exchange area of the same name.
 */
async function findVolumes(deps: Deps, stack: string): Promise<Volumes> {
  const prefix = prefixOf(deps, stack);
  const { postgres, redis, data, ...ours } = namesOf(deps, stack).volumes;
  const current = String(readConfigFile(deps, stack).postgresVolume ?? postgres);
  const there = (await deps.engine.dockerOutput(["volume", "ls", "--format", "{{.Name}}"])).split("\n");
  const restored = new RegExp(`^${prefix}-postgres-\\d{14}$`);
  const isNamed = (name: string) => (Object.values(ours) as string[]).includes(name) || restored.test(name);
  const own = there.filter(isNamed);
  const kept = there.filter((name) => name === redis || name === data);
  const clusters = new Set([postgres, current].filter((name) => there.includes(name) && !isNamed(name)));
  for (const volume of clusters) ((await isMarked(deps, stack, volume)) ? own : kept).push(volume);
  return { own, kept };
}

/** True for a Postgres volume whose cluster this project's guard began. */
async function isMarked(deps: Deps, stack: string, volume: string): Promise<boolean> {
  const args = ["run", "--rm", "--network", "none", "--volume", `${volume}:/volume:ro`, "--entrypoint", "sh"];
  const look = "test -e /volume/.initialised || test -e /volume/.initialising";
  const { exitCode, stderr } = await deps.engine.docker([...args, await postgresImage(deps, stack), "-c", look]);
  if (exitCode > 1) throw new UserError(`volume ${volume} cannot be read: ${stderr.trim()}`);
  return exitCode === 0;
}

async function isServing(deps: Deps, container: string): Promise<boolean> {
  const state = await deps.engine.inspectContainer(container);
  return state?.State.Running === true && (await deps.engine.runHealthCheck(container)) === undefined;
}

function plan(stack: string, { own, kept }: Volumes, folder: string | undefined): string[] {
  return [
    `start-over of stack ${stack} deletes agents, messages, every project's database and all backups:`,
    `  volumes    ${own.join(", ")}`,
    "  secrets    all passwords, tokens and keys, the recovery key included",
    ...(kept.length === 0
      ? []
      : [
          `  kept       ${kept.join(", ")}: an older installation may have made them;`,
          `             once nobody needs them: docker volume rm ${kept.join(" ")}`,
        ]),
    `  first      ${folder === undefined ? "NO export: the backups are off or do not run" : `an export, with its recovery key, to ${folder}`}`,
  ];
}

async function agrees(deps: Deps, options: StartOverOptions, canExport: boolean): Promise<boolean> {
  const { stack, withoutExport } = options;
  const question = "no last export can be taken (make letta-start makes that possible); delete everything anyway?";
  const variable = `WITHOUT_EXPORT=1 CONFIRM=${stack}`;
  if (!canExport && !(await confirm(deps, { yes: withoutExport, question, variable }))) return false;
  return confirm(deps, { yes: options.confirm === stack, word: stack, variable: `CONFIRM=${stack}` });
}

/** The key goes with the state, so it is stored next to what it opens. */
async function exportLast(deps: Deps, stack: string, folder: string, letta: LettaStack): Promise<void> {
  await exportBackups({ stack, folder, json: false }, deps);
  await writeWhole(join(folder, "recovery-key"), `${letta.recoveryKey}\n`, 0o600);
  deps.print(`the key is in ${join(folder, "recovery-key")}: keep it somewhere else`);
}

/** The next start must not find a cluster with other passwords. */
async function chooseVolume(deps: Deps, stack: string, kept: readonly string[]): Promise<void> {
  const { postgres } = namesOf(deps, stack).volumes;
  const postgresVolume = kept.includes(postgres) ? `${postgres}-${stamp()}` : undefined;
  await changeConfigFile(deps, stack, { postgresVolume });
}
