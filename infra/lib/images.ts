import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "./errors.ts";

/** The images of the letta stack. */
export const lettaImages = ["postgres", "redis", "nginx", "letta"] as const;
export type LettaImage = (typeof lettaImages)[number];

/** One entry of images.lock.json. */
export interface LockedImage {
  readonly name: string;
  readonly tag: string;
  /** `sha256:…`; absent until `images-lock` has asked a registry. */
  readonly digest?: string;
}

export type ImageLock = Readonly<Record<string, LockedImage>>;

/** Where images come from. */
export interface ImageSource {
  /** The folder of the lock file, or for images built on this machine the checkout. */
  readonly root: string;
  readonly images: "registry" | "local";
  /** Put in front of every registry image's name. */
  readonly mirror?: string | undefined;
}

/** File of the pinned registry images, in git. */
export const lockFile = "images.lock.json";
/** File of the images built on this machine, not in git. */
export const localFile = ".state/images.local.json";

/** The folder whose lock file counts: a Pulumi project folder beside the checkout may have one of its own. */
export function lockFolder(projectFolder: string, checkout: string): string {
  return existsSync(join(projectFolder, lockFile)) ? projectFolder : checkout;
}

/**
 * The reference by which a container names its image.
 *
 * @throws UserError when the image is not pinned or not built yet
 */
export function imageReference(key: string, source: ImageSource): string {
  return source.images === "local" ? localReference(key, source.root) : registryReference(key, source);
}

/** The reference of an image built on this machine. @throws UserError when it is not built yet */
export function localReference(key: string, root: string): string {
  const reference = readJson<Record<string, string>>(join(root, localFile))?.[key];
  if (reference === undefined) {
    throw new UserError(`image ${key} is not built: ${localFile} does not name it`, "make setup");
  }
  return reference;
}

function registryReference(key: string, { root, mirror }: ImageSource): string {
  const entry = readJson<ImageLock>(join(root, lockFile))?.[key];
  if (entry?.digest === undefined) {
    throw new UserError(`image ${key} is not pinned: ${lockFile} has no digest for it`, "make images-lock");
  }
  return `${tagReference(entry, mirror)}@${entry.digest}`;
}

/** The reference of a tag, which may stand for something else tomorrow. */
export function tagReference({ name, tag }: LockedImage, mirror: string | undefined): string {
  return `${mirror === undefined ? name : `${mirror.replace(/\/+$/, "")}/${name}`}:${tag}`;
}

function readJson<Content>(path: string): Content | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text) as Content;
  } catch (error) {
    throw new UserError(
      `${path} is not JSON: ${(error as Error).message}`,
      "restore the file from git, or run make setup",
    );
  }
}
