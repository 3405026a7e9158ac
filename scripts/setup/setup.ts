import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Listr, type ListrTask, PRESET_TIMER } from "listr2";
import { lockFolder } from "../../infra/lib/images.ts";
import type { Deps } from "../lib/deps.ts";
import { root } from "../lib/project.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { engineStep } from "./engine.ts";
import { ownImages } from "./own-images.ts";
import { installedVersion, isNewEnough, pulumiCliStep } from "./pulumi-cli.ts";
import { lockStep, mirrorOf, pinnedReferences, pullStep, readLock } from "./registry-images.ts";
import { chooseSource, type Source } from "./source.ts";
import { makeStateFolder, stackStep } from "./state.ts";
import type { OfflineSteps, Step } from "./step.ts";

export interface SetupOptions {
  readonly lettaStack: string;
  readonly thothStack: string;
}

/** Installs, builds or pulls what is missing; what is there stays. Interrupted, it goes on where it was. */
export async function setup({ lettaStack, thothStack }: SetupOptions, deps: Deps): Promise<number> {
  const started = Date.now();
  await makeStateFolder();
  await runSteps([engineStep(deps)], deps);
  const source = await chooseSource(deps, lettaStack);
  deps.print(`images: ${source.images} (${source.reason})`);
  const mirror = source.images === "registry" ? mirrorOf(deps, lettaStack) : undefined;
  const locked = source.images === "registry" ? await runSteps([lockStep(deps, mirror)], deps) : 0;
  const images =
    source.images === "registry"
      ? await registrySteps({ lettaStack, thothStack }, deps)
      : await localSteps(lettaStack, deps);
  const tools = await toolSteps(source, deps);
  const toolIds = tools.map(({ id }) => id);
  const kind = (stack: string, name: string) => (stack === name ? {} : { kind: name });
  const chosen = { images: source.images, ...(mirror === undefined ? {} : { imageMirror: mirror }) };
  const done = await runSteps(
    [
      ...tools,
      ...images,
      stackStep(deps, lettaStack, { ...chosen, ...kind(lettaStack, "letta") }, toolIds),
      stackStep(deps, thothStack, kind(thothStack, "thoth"), toolIds),
    ],
    deps,
  );
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  deps.print(locked + done === 0 ? `setup: all there (${seconds} s)` : `setup: done (${seconds} s)`);
  return 0;
}

/** The Pulumi CLI and its plugins: what is on PATH, the official ones, or ones built here. */
async function toolSteps(source: Source, deps: Deps): Promise<Step[]> {
  const isOwn = existsSync(join(root, ".tools/bin/pulumi"));
  if (source.images === "registry" || (!isOwn && isNewEnough(await installedVersion(deps))))
    return [pulumiCliStep(deps)];
  return (await loadOffline()).toolSteps({ root, pulumiHome: process.env.PULUMI_HOME ?? join(homedir(), ".pulumi") });
}

async function localSteps(stack: string, deps: Deps): Promise<Step[]> {
  const { lettaVersion } = readConfigFile(deps, stack);
  // Whoever built a version that is no release has it, or it is missing: setup cannot make it.
  const isRelease = existsSync(join(root, `offline/images/letta/releases/letta-${lettaVersion}.txt`));
  return (await loadOffline()).imageSteps({ root, alsoLetta: isRelease ? String(lettaVersion) : undefined });
}

/** To be called when every image is pinned: what no registry has is built on them. */
async function registrySteps(stacks: SetupOptions, deps: Deps): Promise<Step[]> {
  const wanted = ownImages(deps, stacks, root);
  const { base, ...pinned } = pinnedReferences(deps, stacks.lettaStack);
  if (wanted.length === 0) return [pullStep(deps, Object.values(pinned))];
  const pull = pullStep(deps, [...Object.values(pinned), base]);
  const { postgresVersion } = readConfigFile(deps, stacks.lettaStack) as { postgresVersion?: string };
  const isUsual = postgresVersion === undefined || (await readLock(deps)).postgres?.tag === postgresVersion;
  const { registryImageSteps } = await loadOffline();
  const own = registryImageSteps({
    root,
    stateRoot: lockFolder(deps.projectDirectory, root),
    bases: { base, postgres: pinned.postgres },
    postgresVersion: isUsual ? undefined : postgresVersion,
    wanted,
    needs: [pull.id],
  });
  return [pull, ...own];
}

/** Not a plain import: a checkout without offline/ works, types and all, where registries are reached. */
export async function loadOffline(): Promise<OfflineSteps> {
  return (await import(new URL("../../offline/index.ts", import.meta.url).href)) as OfflineSteps;
}

/**
 * Runs the steps that are not done, each as soon as those it needs are; returns how many ran.
 *
 * @throws what the first one that failed did, when all that did not need it have ended
 */
export async function runSteps(steps: readonly Step[], deps: Deps): Promise<number> {
  const isDone = await Promise.all(steps.map((step) => step.isDone()));
  const pending = steps.filter((_, index) => !isDone[index]);
  if (pending.length === 0) return 0;
  const run: Run = { outcomes: new Map(pending.map(({ id }) => [id, Promise.withResolvers()])), failures: [] };
  await new Listr(
    pending.map((step) => toTask(step, run, deps)),
    {
      concurrent: true,
      exitOnError: false,
      renderer: deps.isTerminal ? "default" : "simple",
      rendererOptions: { timer: PRESET_TIMER, collapseErrors: false },
    },
  ).run();
  if (run.failures.length > 0) throw run.failures[0];
  return pending.length;
}

/** What the steps of one run know of each other. */
interface Run {
  /** Whether the step of this id has worked. */
  readonly outcomes: ReadonlyMap<string, PromiseWithResolvers<boolean>>;
  readonly failures: unknown[];
}

function toTask(step: Step, { outcomes, failures }: Run, deps: Deps): ListrTask {
  return {
    title: step.title,
    async task(_context, task) {
      const settle = (hasWorked: boolean) => outcomes.get(step.id)?.resolve(hasWorked);
      const needed = await Promise.all((step.needs ?? []).map((id) => outcomes.get(id)?.promise));
      if (needed.includes(false)) {
        settle(false);
        task.skip();
        return;
      }
      try {
        await step.run(
          progress(deps.isTerminal, (line) => {
            task.output = deps.isTerminal ? line : `${step.id}: ${line}`;
          }),
        );
        settle(true);
      } catch (error) {
        failures.push(error);
        settle(false);
        // The whole of it is told once, at the end.
        throw new Error(String((error as Error).message).split("\n", 1)[0]);
      }
    },
  };
}

/** A terminal shows each line in the place of the last; a log file gets one now and then. */
const logEverySeconds = 10;
const longestLine = 100;

/** Progress lines as they are fit to be shown: short, and in a log not too many. */
export function progress(isTerminal: boolean, show: (line: string) => void, now = Date.now): (line: string) => void {
  let next = 0;
  return (line) => {
    if (!isTerminal && now() < next) return;
    next = now() + logEverySeconds * 1000;
    show(line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line);
  };
}
