import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { wouldRunTrialModel } from "../../infra/config/models.ts";
import { engineName } from "../../infra/lib/docker/host.ts";
import { lockFolder } from "../../infra/lib/images.ts";
import { ownImages } from "../images/own.ts";
import { isLettaBuiltHere, lockStep, pinnedReferences, pullStep, readLock } from "../images/registry.ts";
import { builtCli, root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { mirrorOf } from "../lib/stack-images.ts";
import { runSteps, type Step } from "../lib/steps.ts";
import { engineStep } from "./engine.ts";
import { installedVersion, isNewEnough, pulumiCliStep } from "./pulumi-cli.ts";
import { chooseSource, type Source } from "./source.ts";
import { makeStateFolder, stackStep } from "./state.ts";

export interface SetupOptions {
  readonly lettaStack: string;
  readonly thothStack: string;
}

/** Installs, builds or pulls what is missing. If interrupted, the next run resumes. */
export async function setup({ lettaStack, thothStack }: SetupOptions, deps: Deps): Promise<number> {
  const started = Date.now();
  await makeStateFolder();
  await runSteps([engineStep(deps)], deps);
  deps.print(`engine: ${engineName()}`);
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
  deps.print(locked + done === 0 ? `setup: nothing to do (${seconds} s)` : `setup: done (${seconds} s)`);
  return 0;
}

/** The Pulumi CLI and its plugins: what is on PATH, the official ones, or ones built here. */
async function toolSteps(source: Source, deps: Deps): Promise<Step[]> {
  const isOwn = existsSync(builtCli);
  if (source.images === "registry" || (!isOwn && isNewEnough(await installedVersion(deps))))
    return [pulumiCliStep(deps)];
  return (await loadToolchain()).toolchainSteps({
    root,
    pulumiHome: process.env.PULUMI_HOME ?? join(homedir(), ".pulumi"),
  });
}

async function localSteps(stack: string, deps: Deps): Promise<Step[]> {
  const config = readConfigFile(deps, stack);
  const { lettaVersion } = config;
  // A version without a release file was built by hand; setup cannot build it.
  const isRelease = existsSync(join(root, `images/letta/releases/letta-${lettaVersion}.txt`));
  return (await import("../images/build.ts")).imageSteps({
    root,
    alsoLetta: isRelease ? String(lettaVersion) : undefined,
    withoutModel: !wouldRunTrialModel(config),
  });
}

/** The steps that pull the pinned images and build the unpublished ones on them; needs a complete lock file. */
async function registrySteps(stacks: SetupOptions, deps: Deps): Promise<Step[]> {
  const wanted = [...ownImages(deps, stacks), ...((await isLettaBuiltHere(deps)) ? (["letta"] as const) : [])];
  const { base, ...pinned } = await pinnedReferences(deps, stacks.lettaStack);
  if (wanted.length === 0) return [pullStep(deps, Object.values(pinned))];
  const pull = pullStep(deps, [...Object.values(pinned), base]);
  const { postgresVersion } = readConfigFile(deps, stacks.lettaStack) as { postgresVersion?: string };
  const isUsual = postgresVersion === undefined || (await readLock(deps)).postgres?.tag === postgresVersion;
  const { registryImageSteps } = await import("../images/on-registry.ts");
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

/** A dynamic import: with registries, a checkout works without offline/, type checks included. */
async function loadToolchain(): Promise<{ toolchainSteps(options: { root: string; pulumiHome: string }): Step[] }> {
  return import(new URL("../../offline/toolchain/build.ts", import.meta.url).href);
}
