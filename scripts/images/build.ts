import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { localFile, versionKey } from "../../infra/lib/images.ts";
import type { Step } from "../lib/steps.ts";
import { type HostSettings, hostSettings, settingsFor } from "./host-settings.ts";
import { LocalImages } from "./local-images.ts";
import { type ImagePlan, planBackup, planImages } from "./plan.ts";
import { run } from "./run.ts";

const defaultLettaVersion = "0.16.8";

/** Where the images come from and go to. */
export interface ImageStepsOptions {
  /** The checkout; the references are written to `.state/images.local.json` in it. */
  readonly root: string;
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** One of the releases with a pinned hash in `letta/releases`. Default: 0.16.8. */
  readonly lettaVersion?: string;
  /** Another release that a stack wants; it has a key of its own in the lock file. */
  readonly alsoLetta?: string | undefined;
}

/** The steps that build every image from packages: one an image, and one that locks what was built. */
export function imageSteps(options: ImageStepsOptions): Step[] {
  const { root, env, lettaVersion = defaultLettaVersion, alsoLetta = lettaVersion } = options;
  const [base, ...images] = planImages(root, lettaVersion);
  const further = alsoLetta === lettaVersion ? [] : [planLetta(root, alsoLetta)];
  return buildSteps(root, base, [...images, ...further], hostOf(env));
}

/** The steps that build the image of one release of Letta, and write it down beside those that are there. */
export function lettaImageSteps(options: { root: string; version: string; env?: NodeJS.ProcessEnv }): Step[] {
  const { root, version, env } = options;
  const [base] = planImages(root, version);
  return buildSteps(root, base, [planLetta(root, version)], hostOf(env));
}

/** The steps that build the backup agent on another Postgres than the default one, which is on this machine. */
export function backupImageSteps(options: {
  root: string;
  postgres: { version: string; reference: string };
  env?: NodeJS.ProcessEnv;
}): Step[] {
  const { root, postgres, env } = options;
  const [base] = planImages(root, defaultLettaVersion);
  return buildSteps(root, base, [planBackup(root, postgres)], hostOf(env));
}

function planLetta(root: string, version: string): ImagePlan {
  const plan = planImages(root, version).find(({ name }) => name === "letta");
  if (plan === undefined) throw new Error(`${root}/images/letta has no Dockerfile`);
  return { ...plan, name: versionKey(plan.name, version) };
}

function buildSteps(root: string, base: ImagePlan, images: readonly ImagePlan[], host: Host): Step[] {
  return [
    baseStep(base, join(root, ".state/build-base"), host),
    ...images.map((image) => imageStep(image, host)),
    lockStep(
      join(root, localFile),
      Object.fromEntries(images.map(({ name, reference }) => [name, reference])),
      images.map(({ name }) => name),
    ),
  ];
}

/** What the steps of one setup share. */
export interface Host {
  readonly env: NodeJS.ProcessEnv;
  readonly images: LocalImages;
  /** Asked of the host's tools only when something is built. */
  readonly settings: () => Promise<HostSettings>;
}

/** The host of this environment. */
export function hostOf(env: NodeJS.ProcessEnv = process.env): Host {
  return { env, images: new LocalImages(env), settings: once(() => hostSettings(env)) };
}

function baseStep(plan: ImagePlan, workDirectory: string, host: Host): Step {
  return {
    id: "image-base",
    title: `Image ${plan.reference}: ${plan.title}`,
    isDone: () => host.images.has(plan.reference),
    run: async (report) => {
      await run(join(plan.directory, "build.sh"), [plan.reference, workDirectory], {
        env: { ...host.env, ...(await host.settings()) },
        onLine: (line) => line.startsWith("I: ") && report(line.slice("I: ".length)),
        hint: "It needs a Debian mirror that answers: the one of this host's apt, or else debootstrap's default.",
      });
      host.images.forget();
    },
  };
}

/** The step that builds one image. */
export function imageStep(plan: ImagePlan, host: Host): Step {
  return {
    id: `image-${plan.name}`,
    title: `Image ${plan.reference}: ${plan.title}`,
    needs: plan.needs.map((name) => `image-${name}`),
    isDone: () => host.images.has(plan.reference),
    run: async (report) => {
      await run("docker", buildCommand(plan, await host.settings()), {
        // The classic builder: it needs no plugin, every engine has it, and it prints steps.
        env: { ...host.env, DOCKER_BUILDKIT: "0" },
        onLine: (line) => line.startsWith("Step ") && report(line),
        hint: "Layers that were built are kept: running the setup again goes on from there.",
      });
      host.images.forget();
    },
  };
}

function buildCommand(plan: ImagePlan, settings: HostSettings): string[] {
  const dockerfile = readFileSync(join(plan.directory, "Dockerfile"), "utf8");
  const buildArguments = { ...settingsFor(dockerfile, settings), ...plan.buildArguments };
  return [
    "build",
    // A build reaches what the host reaches, a proxy or index on its loopback address included.
    ...["--network", "host", "--tag", plan.reference],
    ...Object.entries(buildArguments).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...Object.entries(plan.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    plan.directory,
  ];
}

/** Writes which images stand for what once `images` are built, and leaves what is written of others. */
export function lockStep(file: string, references: Readonly<Record<string, string>>, images: readonly string[]): Step {
  const known = () => JSON.parse(readIfPresent(file) ?? "{}") as Readonly<Record<string, string>>;
  return {
    id: "image-lock",
    title: "References of the images built here",
    needs: images.map((name) => `image-${name}`),
    isDone: async () => Object.entries(references).every(([key, reference]) => known()[key] === reference),
    run: async () => writeAtomically(file, `${JSON.stringify({ ...known(), ...references }, null, 2)}\n`),
  };
}

function once<T>(answer: () => Promise<T>): () => Promise<T> {
  let answered: Promise<T> | undefined;
  return () => {
    answered ??= answer();
    return answered;
  };
}

/** A file's text, or undefined where there is no such file. */
export function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a file for all to read, whole or not at all. */
export function writeAtomically(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode: 0o644 });
  renameSync(temporary, file);
}
