import { readFileSync } from "node:fs";
import { cp, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { imageExists } from "../../infra/lib/docker/engine.ts";
import { localFile, versionKey } from "../../infra/lib/images.ts";
import { run } from "../lib/run.ts";
import type { Step } from "../lib/steps.ts";
import { readJsonFile, writeWhole } from "../lib/whole-file.ts";
import { hostSettings, settingsFor } from "./host-settings.ts";
import { defaultLettaVersion, type ImagePlan, planBackup, planImages } from "./plan.ts";

/** Where the images come from and go to. */
export interface ImageStepsOptions {
  /** The checkout; the references are written to `.state/images.local.json` in it. */
  readonly root: string;
  /** One of the releases with a pinned hash in `images/letta/releases`. Default: 0.16.8. */
  readonly lettaVersion?: string;
  /** Another release that a stack wants, with its own key in the lock file. */
  readonly alsoLetta?: string | undefined;
  /** Without the trial model, which a stack with a provider does not run. Default: false. */
  readonly withoutModel?: boolean;
}

/** The steps that build every image from packages, and a last one that writes their references. */
export function imageSteps(options: ImageStepsOptions): Step[] {
  const { root, lettaVersion = defaultLettaVersion, alsoLetta, withoutModel = false } = options;
  const [base, ...all] = planImages(root, lettaVersion);
  const images = all.filter(({ name }) => !(withoutModel && name === "model"));
  const isOther = alsoLetta !== undefined && alsoLetta !== lettaVersion;
  return buildSteps(root, base, [...images, ...(isOther ? [planLetta(root, alsoLetta)] : [])]);
}

/** The steps that build the image of one release of Letta, and add its reference. */
export function lettaImageSteps({ root, version }: { root: string; version: string }): Step[] {
  const [base] = planImages(root, version);
  return buildSteps(root, base, [planLetta(root, version)]);
}

/** The steps that build the backup agent on a Postgres image of this machine other than the default one. */
export function backupImageSteps(options: { root: string; postgres: { version: string; reference: string } }): Step[] {
  const { root, postgres } = options;
  const [base] = planImages(root, defaultLettaVersion);
  return buildSteps(root, base, [planBackup(root, postgres)]);
}

function planLetta(root: string, version: string): ImagePlan {
  const plan = planImages(root, version).find(({ name }) => name === "letta");
  if (plan === undefined) throw new Error(`${root}/images/letta has no Dockerfile`);
  return { ...plan, name: versionKey(plan.name, version) };
}

function buildSteps(root: string, base: ImagePlan, images: readonly ImagePlan[]): Step[] {
  const references = new Map(images.map(({ name, reference }) => [name, reference]));
  return [
    baseStep(base, join(root, ".state/build-base")),
    ...images.map((plan) => imageStep(plan, root)),
    lockStep(join(root, localFile), references, [...references.keys()]),
  ];
}

function baseStep(plan: ImagePlan, workDirectory: string): Step {
  return {
    id: "image-base",
    title: `Image ${plan.reference}: ${plan.title}`,
    isDone: () => imageExists(plan.reference),
    run: async (report) => {
      await run(join(plan.directory, "build.sh"), [plan.reference, workDirectory], {
        env: { ...process.env, ...(await hostSettings()) },
        onLine: (line) => line.startsWith("I: ") && report(line.slice("I: ".length)),
        hint: "It needs a Debian mirror: this host's apt mirror, or else debootstrap's default.",
      });
    },
  };
}

/** The step that builds one image of this checkout. */
export function imageStep(plan: ImagePlan, root: string): Step {
  return {
    id: `image-${plan.name}`,
    title: `Image ${plan.reference}: ${plan.title}`,
    needs: plan.needs.map((name) => `image-${name}`),
    isDone: () => imageExists(plan.reference),
    run: async (report) => {
      const context = join(root, `.state/build-${plan.name}`);
      await copyContext(plan.directory, context);
      await run("docker", await buildCommand({ ...plan, directory: context }), {
        // The classic builder needs no plugin, every engine has it, and it prints its steps.
        env: { ...process.env, DOCKER_BUILDKIT: "0" },
        onLine: (line) => line.startsWith("Step ") && report(line),
        hint: "Layers that were built are kept: run make setup again.",
      });
      await rm(context, { recursive: true });
    },
  };
}

/**
 * Copies the folder of an image, with the modes of a usual checkout: an image keeps the modes of its files, and users in it
 * could not read those of a checkout that was made under umask 077.
 */
export async function copyContext(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true, filter: (path) => basename(path) !== "node_modules" });
  await run("chmod", ["-R", "a+rX,go-w", to]);
}

async function buildCommand(plan: ImagePlan): Promise<string[]> {
  const dockerfile = readFileSync(join(plan.directory, "Dockerfile"), "utf8");
  const buildArguments = { ...settingsFor(dockerfile, await hostSettings()), ...plan.buildArguments };
  return [
    "build",
    // A build reaches what the host reaches, including a proxy or index on its loopback address.
    ...["--network", "host", "--tag", plan.reference],
    ...Object.entries(buildArguments).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...Object.entries(plan.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    plan.directory,
  ];
}

/**
 * Writes the references of images once these are built, and keeps the other entries of the file.
 *
 * @param references key in the file -> reference
 * @param images names of the images that must be built first
 */
export function lockStep(file: string, references: ReadonlyMap<string, string>, images: readonly string[]): Step {
  const known = async () => (await readJsonFile<Readonly<Record<string, string>>>(file)) ?? {};
  return {
    id: "image-lock",
    title: "References of the images built here",
    needs: images.map((name) => `image-${name}`),
    async isDone() {
      const found = await known();
      return [...references].every(([key, reference]) => found[key] === reference);
    },
    async run() {
      const all = { ...(await known()), ...Object.fromEntries(references) };
      await writeWhole(file, `${JSON.stringify(all, null, 2)}\n`, 0o644);
    },
  };
}
