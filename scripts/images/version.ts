import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { imageReference, imageVersion, localFile, versionKey } from "../../infra/lib/images.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { imageSource, mirrorOf } from "../lib/stack-images.ts";
import type { Step } from "../lib/steps.ts";
import { writeWholeJson } from "../lib/whole-file.ts";
import { lettaImageSteps } from "./build.ts";
import { companionSteps, postgresReference } from "./postgres-version.ts";
import { pinImage, readLock } from "./registry.ts";

/** The images whose versions a stack's config names. */
export type VersionedImage = "letta" | "postgres";

/** One version of an image, as the config names it and as a container does. */
export interface ImageChoice {
  readonly version: string;
  readonly reference: string;
}

/** What a stack's container runs now. @throws UserError when it is not there */
export async function runningImage(deps: Deps, container: string): Promise<ImageChoice> {
  const reference = (await deps.engine.inspectContainer(container))?.Config.Image;
  if (reference === undefined) throw new UserError(`${container} is not there`, "make letta-start");
  return { version: imageVersion(reference) ?? reference, reference };
}

/** The version that a stack has whose config names none. */
export function defaultVersion(deps: Deps, stack: string, key: VersionedImage): string {
  return imageVersion(imageReference(key, imageSource(deps, stack))) ?? "latest";
}

/**
 * Makes sure that a version of an image is on this machine and is named in the lock file: built or pulled where it is not.
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
  const version = await (source.images === "local" ? buildImage : pullImage)(deps, stack, key, wanted);
  if (key === "postgres") await runSteps(deps, await companionSteps(deps, stack, source, version));
  const reference =
    key === "postgres" ? postgresReference(deps, stack, source, version) : imageReference(key, source, version);
  if (!(await deps.engine.imageExists(reference)))
    throw new UserError(`image ${reference} is not on this machine`, "make setup");
  return { version, reference };
}

async function buildImage(deps: Deps, _stack: string, key: VersionedImage, wanted: string): Promise<string> {
  if (/[:/]/.test(wanted)) return registerImage(deps, key, wanted);
  if (await isKnown(deps, key, wanted)) return wanted;
  if (key === "letta") {
    await runSteps(deps, lettaImageSteps({ root, version: wanted }));
    return wanted;
  }
  throw new UserError(
    `there is no image ${key} of version ${wanted} on this machine`,
    "give the reference of one that is here",
  );
}

/** One after the other: each is printed as any other line, also where that is not to be on standard output. */
async function runSteps(deps: Deps, steps: readonly Step[]): Promise<void> {
  for (const { title, isDone, run } of steps) {
    if (await isDone()) continue;
    deps.print(title);
    await run(() => {});
  }
}

/** Gives an image that somebody has built here its place in the list. */
async function registerImage(deps: Deps, key: VersionedImage, reference: string): Promise<string> {
  const version = imageVersion(reference);
  if (version === null || !(await deps.engine.imageExists(reference))) {
    throw new UserError(`there is no image ${reference} on this machine`, "docker images lists those that are here");
  }
  const path = join(root, localFile);
  const known = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, string>>;
  if (known[key] !== reference) await writeWholeJson(path, { ...known, [versionKey(key, version)]: reference });
  return version;
}

async function isKnown(deps: Deps, key: VersionedImage, version: string): Promise<boolean> {
  try {
    return await deps.engine.imageExists(imageReference(key, { root, images: "local" }, version));
  } catch {
    return false;
  }
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
