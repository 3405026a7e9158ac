import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Step } from "../../scripts/setup/step.ts";
import { type HostSettings, hostSettings, settingsFor } from "./host-settings.ts";
import { LocalImages } from "./local-images.ts";
import { type ImagePlan, planImages } from "./plan.ts";
import { run } from "./run.ts";

const DEFAULT_LETTA_VERSION = "0.16.8";

/** Where the images come from and go to. */
export interface ImageStepsOptions {
  /** The checkout; the references are written to `.state/images.local.json` in it. */
  readonly root: string;
  /** Default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** One of the releases with a pinned hash in `letta/releases`. Default: 0.16.8. */
  readonly lettaVersion?: string;
}

/** The steps that build every image from packages: one an image, and one that locks what was built. */
export function imageSteps(options: ImageStepsOptions): Step[] {
  const { root, env = process.env, lettaVersion = DEFAULT_LETTA_VERSION } = options;
  const [base, ...images] = planImages(root, lettaVersion);
  const host = hostOf(env);
  return [
    baseStep(base, join(root, ".state/build-base"), host),
    ...images.map((image) => imageStep(image, host)),
    lockStep(join(root, ".state/images.local.json"), images),
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
export function hostOf(env: NodeJS.ProcessEnv): Host {
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

/** Writes which images stand for which service, after all of them are there. */
function lockStep(file: string, images: readonly ImagePlan[]): Step {
  const references = Object.fromEntries(images.map(({ name, reference }) => [name, reference]));
  const content = `${JSON.stringify(references, null, 2)}\n`;
  return {
    id: "image-lock",
    title: "References of the local images",
    needs: images.map(({ name }) => `image-${name}`),
    isDone: async () => readIfPresent(file) === content,
    run: async () => writeAtomically(file, content),
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
