import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { type ImageSource, imageReference, imageVersion, localFile, versionKey } from "../../infra/lib/images.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { imageSource, mirrorOf } from "../lib/stack-images.ts";
import type { Step } from "../lib/steps.ts";
import { writeWholeJson } from "../lib/whole-file.ts";
import { backupImageSteps, lettaImageSteps } from "./build.ts";
import { registryImageSteps } from "./on-registry.ts";
import { makesBackups } from "./own.ts";
import { pinImage, readLock } from "./registry.ts";

/** Images whose version is in a stack's config. */
export type VersionedImage = "letta" | "postgres";

/** A version of an image, and its reference. */
export interface ImageChoice {
  readonly version: string;
  readonly reference: string;
}

/** The image that a container runs now. @throws UserError if there is no such container */
export async function runningImage(deps: Deps, container: string): Promise<ImageChoice> {
  const reference = (await deps.engine.inspectContainer(container))?.Config.Image;
  if (reference === undefined) throw new UserError(`${container} is not there`, "make letta-start");
  return { version: imageVersion(reference) ?? reference, reference };
}

/** The version of a stack without one in its config. */
export function defaultVersion(deps: Deps, stack: string, key: VersionedImage): string {
  return imageVersion(imageReference(key, imageSource(deps, stack))) ?? "latest";
}

/**
 * Makes sure that a version of an image is on this machine and in the lock file: builds or pulls it where it is not.
 *
 * @param wanted a version, or the reference of an image that is here or in a registry, whose tag becomes the version
 * @throws UserError when it can be neither built nor pulled
 */
export async function requireImage(
  deps: Deps,
  stack: string,
  key: VersionedImage,
  wanted: string,
): Promise<ImageChoice> {
  const source = imageSource(deps, stack);
  const isLocal = source.images === "local";
  const version = await (isLocal ? buildImage(deps, key, wanted) : pullImage(deps, stack, key, wanted));
  if (key === "postgres" && makesBackups(deps, stack)) await runSteps(deps, backupSteps(source, version));
  // A registry's Postgres cannot archive, so one is built on it.
  const archives = key === "postgres" && !isLocal && makesBackups(deps, stack);
  const reference = imageReference(archives ? "postgres-archiving" : key, source, version);
  if (!(await deps.engine.imageExists(reference)))
    throw new UserError(`image ${reference} is not on this machine`, "make setup");
  return { version, reference };
}

/** What is built on another Postgres than the default one: the backup agent, and pgBackRest on a registry's. */
function backupSteps(source: ImageSource, postgresVersion: string): readonly Step[] {
  const reference = imageReference("postgres", source, postgresVersion);
  if (reference === imageReference("postgres", source)) return [];
  if (source.images === "local") return backupImageSteps({ root, postgres: { version: postgresVersion, reference } });
  const bases = { base: imageReference("base", source), postgres: reference };
  return registryImageSteps({ root, stateRoot: source.root, postgresVersion, wanted: ["backup"], needs: [], bases });
}

async function buildImage(deps: Deps, key: VersionedImage, wanted: string): Promise<string> {
  if (/[:/]/.test(wanted)) return registerImage(deps, key, wanted);
  if (key === "letta" && !(await isKnown(deps, key, wanted))) {
    await runSteps(deps, lettaImageSteps({ root, version: wanted }));
  }
  return wanted;
}

async function isKnown(deps: Deps, key: VersionedImage, version: string): Promise<boolean> {
  try {
    return await deps.engine.imageExists(imageReference(key, { root, images: "local" }, version));
  } catch {
    return false;
  }
}

/** Prints each step as a line, wherever lines go; not as a list that redraws itself on standard output. */
async function runSteps(deps: Deps, steps: readonly Step[]): Promise<void> {
  for (const { title, isDone, run } of steps) {
    if (await isDone()) continue;
    deps.print(title);
    await run(() => {});
  }
}

/** Adds an image that somebody built here to the list of images. */
async function registerImage(deps: Deps, key: VersionedImage, reference: string): Promise<string> {
  const version = imageVersion(reference);
  if (version === null || !(await deps.engine.imageExists(reference))) {
    throw new UserError(`there is no image ${reference} on this machine`, "list them with docker images");
  }
  const path = join(root, localFile);
  const known = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, string>>;
  if (known[key] !== reference) await writeWholeJson(path, { ...known, [versionKey(key, version)]: reference });
  return version;
}

async function pullImage(deps: Deps, stack: string, key: VersionedImage, wanted: string): Promise<string> {
  const mirror = mirrorOf(deps, stack);
  const lock = await readLock(deps);
  const [, name = lock[key]?.name ?? key, tag = wanted] = /^(.+[/].+|[^:]+):([^:/]+)$/.exec(wanted) ?? [];
  const own = mirror === undefined ? name : name.replace(`${mirror.replace(/\/+$/, "")}/`, "");
  const known = lock[key]?.tag === tag ? lock[key] : lock[versionKey(key, tag)];
  if (known?.digest === undefined || known.name !== own) {
    deps.print(`pulling ${own}:${tag}`);
    await pinImage(deps, versionKey(key, tag), { name: own, tag }, mirror);
  }
  return tag;
}
