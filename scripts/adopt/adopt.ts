import { projectsSchema } from "../../infra/config/letta.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { labels, lettaOwner } from "../../infra/lib/names.ts";
import { isSetUp } from "../lib/bring-up.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { stamp } from "../lib/operation.ts";
import { namesOf, readConfigFile } from "../lib/stack-file.ts";
import { setup } from "../setup/setup.ts";
import { startThoth } from "../thoth/start.ts";
import { adoptDatabases, countAgents, refuseOwnAgents } from "../upgrade/adopt.ts";
import { backUpOld } from "./back-up.ts";
import { findInstallation, type Search } from "./find.ts";
import { makeWay, reconnectClients, stopOld } from "./make-way.ts";
import { planLines } from "./plan.ts";
import { type AdoptionRecord, readAdoption, saveAdoption } from "./record.ts";
import { settingsOf, takeSettings } from "./settings.ts";

/** Options of `adopt`. */
export interface AdoptOptions extends Search {
  /** Databases of the old cluster that are not wanted. */
  readonly without: readonly string[];
  /** The stack's own agents may be replaced. */
  readonly replace: boolean;
  /** Print the plan and change nothing. */
  readonly dryRun: boolean;
  /** How long to wait for runs of the stack's own, in seconds. */
  readonly drainSeconds: number;
  readonly yes: boolean;
}

/**
 * Takes over an older installation of Letta and Thoth, or resumes an adoption that was interrupted, and brings Thoth up where
 * the old one was.
 */
export async function adopt(options: AdoptOptions, deps: Deps): Promise<number> {
  const { stack, thothStack } = options;
  const before = await readAdoption(deps, stack);
  if (before?.phase === "adopted") {
    refuseAnother(before, options);
    deps.print(`stack ${stack} has adopted ${before.old.cluster.volume} already; to go back to it: make adopt-undo`);
    return options.dryRun ? 0 : bringThothUp(deps, before);
  }
  const record = before?.phase === "moving" ? resumed(before, options, deps) : await planned(deps, options, before);
  if (typeof record === "number") return record;
  // Before setup there may be no Pulumi to ask.
  if (!(await isSetUp(deps, stack).catch(() => false))) await setup({ lettaStack: stack, thothStack }, deps);
  try {
    await move(deps, await saveAdoption(deps, record), options.drainSeconds);
  } catch (error) {
    deps.print(
      "the old installation is stopped, its data unchanged: make adopt goes on, make adopt-undo brings it back",
    );
    throw error;
  }
  return bringThothUp(deps, record);
}

/** An undo brings one installation back: the last one. */
function refuseAnother({ old, stack }: AdoptionRecord, { volume, replace }: AdoptOptions): void {
  if (!replace && (volume === undefined || volume === old.cluster.volume)) return;
  throw new UserError(
    `stack ${stack} has adopted ${old.cluster.volume} already; another adoption would leave it without its undo`,
    "make adopt-undo",
  );
}

function resumed(before: AdoptionRecord, { without, replace, image }: AdoptOptions, deps: Deps): AdoptionRecord {
  const { cluster } = before.old;
  deps.print(`the adoption of ${cluster.volume} goes on where it was interrupted`);
  // What the operator adds now counts too.
  return {
    ...before,
    old: { ...before.old, cluster: { ...cluster, image: image ?? cluster.image } },
    without: [...before.without, ...without],
    replace: before.replace || replace,
  };
}

/** Shows what was found, and asks. @returns the exit code when that is all */
async function planned(
  deps: Deps,
  options: AdoptOptions,
  before: AdoptionRecord | undefined,
): Promise<AdoptionRecord | number> {
  const { stack, thothStack, without } = options;
  const old = await findInstallation(deps, options);
  const agents = await ownAgents(deps, stack);
  const settings = await settingsOf(deps, { stack, thothStack, old });
  for (const line of planLines(old, { stack, agents, settings })) deps.print(line);
  if (options.dryRun) {
    deps.print("nothing was changed");
    return 0;
  }
  // What an undone adoption left in the stack came from there, and is kept like all that is replaced.
  const replace = options.replace || before?.phase === "undone";
  refuseOwnAgents(agents, { stack, replace });
  if (!(await confirm(deps, { yes: options.yes }))) return 1;
  return { stack, thothStack, id: stamp(), phase: "moving", old, without, replace };
}

/** Agents of the stack's own; 0 while it is down, which the adoption finds out once it is up. */
async function ownAgents(deps: Deps, stack: string): Promise<number> {
  const { postgres } = namesOf(deps, stack);
  const state = await deps.engine.inspectContainer(postgres);
  if (state?.Config.Labels?.[labels.prefix] === undefined || !state.State.Running) return 0;
  return countAgents(deps, { container: postgres, database: lettaOwner }).catch(() => 0);
}

/** Every step can be repeated. @throws UserError when the data could not be taken over */
async function move(deps: Deps, begun: AdoptionRecord, drainSeconds: number): Promise<void> {
  await stopOld(deps, begun.old);
  const record = await backUpOld(deps, begun);
  const { stack, old, without, replace } = record;
  await makeWay(deps, old);
  await takeSettings(deps, record);
  const { volume, image = "" } = old.cluster;
  const { result, problem } = await adoptDatabases(deps, { stack, volume, image, without, replace, drainSeconds });
  if (result !== "done") throw new UserError(`the data was not taken over: ${problem ?? result}`);
  await reconnectClients(deps, old);
  // Its secrets are in the config by now, encrypted; the undo needs none.
  await saveAdoption(deps, record, { phase: "adopted", old: { ...old, variables: {} } });
  deps.print(`kept: the old installation, stopped; to go back to it: make adopt-undo`);
  deps.print(`kept: dumps of its databases in ${record.dumps}`);
}

/** Brings Thoth up where the old installation had it; else names the command that does. */
async function bringThothUp(deps: Deps, { stack, thothStack, old }: AdoptionRecord): Promise<number> {
  const { defaultProject } = projectsSchema.parse(readConfigFile(deps, stack));
  deps.print(`clients of Letta need an address and a token: make project-env NAME=${defaultProject} FOR=host SHOW=1`);
  const command = `make thoth-start${thothStack === "thoth" ? "" : ` THOTH_STACK=${thothStack}`}`;
  if (old.thoth === undefined) {
    deps.print(`next: ${command}`);
    return 0;
  }
  const problem = "Letta is adopted and up; Thoth does not come up";
  try {
    await startThoth({ stack: thothStack, lettaStack: stack, yes: true }, deps);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${problem}\n${error.message}`, command) : error;
  }
  const { ports } = readConfigFile(deps, thothStack) as { ports?: { letta?: number } };
  if (ports?.letta !== undefined)
    deps.print(
      `Obsidian's plugin: Letta endpoint http://127.0.0.1:${ports.letta}, API token empty (docs/thoth.md#obsidians-plugin)`,
    );
  return 0;
}
