import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import {
  type ImageLock,
  imageReference,
  type LettaImage,
  type LockedImage,
  lockFile,
  lockFolder,
  tagReference,
} from "../../infra/lib/images.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { configuredVersion, imageSource } from "../lib/stack-images.ts";
import type { Step } from "../lib/steps.ts";
import { writeWhole } from "../lib/whole-file.ts";

/** The pinned registry images, from the project folder or the checkout. */
export async function readLock(deps: Pick<Deps, "projectDirectory">): Promise<ImageLock> {
  return JSON.parse(await readFile(lockPath(deps), "utf8")) as ImageLock;
}

function lockPath({ projectDirectory }: Pick<Deps, "projectDirectory">): string {
  return join(lockFolder(projectDirectory, root), lockFile);
}

/** Pulls the tag of every image and writes its present digest to images.lock.json. */
export async function lockImages({ mirror }: { mirror?: string | undefined }, deps: Deps): Promise<number> {
  const lock = await readLock(deps);
  const locked: Record<string, LockedImage> = {};
  for (const [key, { builtHere: _, ...image }] of Object.entries(lock)) {
    const digest = await pull(deps, tagReference(image, mirror)).catch((error: unknown) => {
      if (key === "letta" && error instanceof UserError && isGone(error)) return undefined;
      throw error;
    });
    if (digest === undefined) {
      deps.print(`${key}: no registry has ${image.name}:${image.tag} any more; it is built here, from Letta's package`);
      locked[key] = { name: image.name, tag: image.tag, builtHere: true };
      continue;
    }
    deps.print(`${key}: ${image.name}:${image.tag} is ${digest}${digest === image.digest ? "" : " (changed)"}`);
    locked[key] = { ...image, digest };
  }
  await writeLock(deps, locked);
  return 0;
}

/**
 * True when a registry answered that it does not have the image, or not for everybody. Letta's makers retired theirs in 2026;
 * its source stays on the package index.
 */
function isGone({ message }: UserError): boolean {
  return /manifest unknown|not found|repository does not exist|pull access denied/i.test(message);
}

/** Pulls an image and pins it under its own key in images.lock.json. @throws UserError when it cannot be pulled */
export async function pinImage(deps: Deps, key: string, image: LockedImage, mirror: string | undefined): Promise<void> {
  const digest = await pull(deps, tagReference(image, mirror));
  await writeLock(deps, { ...(await readLock(deps)), [key]: { ...image, digest } });
}

async function writeLock(deps: Deps, lock: ImageLock): Promise<void> {
  await writeWhole(lockPath(deps), `${JSON.stringify(lock, undefined, 2)}\n`);
}

/** Pulls an image. @returns its digest in the registry @throws UserError when it cannot be pulled */
async function pull(deps: Deps, reference: string): Promise<string> {
  const { exitCode, stdout, stderr } = await deps.$({ nothrow: true })`docker pull ${reference}`;
  if (exitCode !== 0) {
    throw new UserError(
      `${reference} cannot be pulled: ${stderr.trim()}`,
      "check the network, or set thoth-letta:images to local to build images here",
    );
  }
  // RepoDigests of the image would list every digest it ever had in this repository.
  const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(stdout)?.[1];
  if (digest === undefined) throw new Error(`docker pull ${reference} reports no digest: ${stdout}`);
  return digest;
}

/** Finds the digests of images that have none yet. */
export function lockStep(deps: Deps, mirror: string | undefined): Step {
  return {
    id: "images-lock",
    title: "Digests of the registry images",
    isDone: async () =>
      Object.values(await readLock(deps)).every(({ digest, builtHere }) => digest !== undefined || builtHere),
    run: async (report) => void (await lockImages({ mirror }, { ...deps, print: report })),
  };
}

/** Pulls the pinned images that are missing. */
export function pullStep(deps: Deps, references: readonly string[]): Step {
  return {
    id: "images-pull",
    title: "Registry images, pinned by digest",
    isDone: async () => (await missingImages(deps, references)).length === 0,
    async run(report) {
      const missing = await missingImages(deps, references);
      report(`pulling ${missing.join(", ")}`);
      await Promise.all(missing.map((reference) => pull(deps, reference)));
    },
  };
}

async function missingImages(deps: Deps, references: readonly string[]): Promise<string[]> {
  const isThere = await Promise.all(references.map(deps.engine.imageExists));
  return references.filter((_, index) => !isThere[index]);
}

/**
 * The registry images of a letta stack, in the versions of its config; without Letta's if that is built here.
 *
 * @throws UserError if one is not pinned
 */
export async function pinnedReferences(
  deps: Pick<Deps, "projectDirectory">,
  stack: string,
): Promise<Readonly<Record<Exclude<LettaImage, "letta"> | "base", string> & { letta?: string }>> {
  const source = {
    ...imageSource(deps, stack),
    root: lockFolder(deps.projectDirectory, root),
    images: "registry",
  } as const;
  return {
    postgres: imageReference("postgres", source, configuredVersion(deps, stack, "postgres")),
    redis: imageReference("redis", source),
    nginx: imageReference("nginx", source),
    ...((await isLettaBuiltHere(deps))
      ? {}
      : { letta: imageReference("letta", source, configuredVersion(deps, stack, "letta")) }),
    base: imageReference("base", source),
  };
}

/** True when no registry has Letta's image, by the lock file. */
export async function isLettaBuiltHere(deps: Pick<Deps, "projectDirectory">): Promise<boolean> {
  return (await readLock(deps)).letta?.builtHere === true;
}
