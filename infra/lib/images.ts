import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "./errors.ts";

/** The letta stack's images that come from a registry. */
export const lettaImages = ["postgres", "redis", "nginx", "letta"] as const;
export type LettaImage = (typeof lettaImages)[number];

/** Images that no registry has: always built on this machine. */
const builtImages: readonly string[] = ["thoth", "backup", "postgres-archiving", "model", "page"];

/** One entry of images.lock.json. */
export interface LockedImage {
  readonly name: string;
  readonly tag: string;
  /** `sha256:…`; absent before `make images-lock`. */
  readonly digest?: string;
  /** No registry has it any more, so that it is built on this machine. */
  readonly builtHere?: true;
}

export type ImageLock = Readonly<Record<string, LockedImage>>;

/** Where images come from. */
export interface ImageSource {
  /** The folder of the lock file, or for images built on this machine the checkout. */
  readonly root: string;
  readonly images: "registry" | "local";
  /** Prefix of every registry image's name. */
  readonly mirror?: string | undefined;
}

/** File of the pinned registry images, in git. */
export const lockFile = "images.lock.json";
/** File of the images built on this machine, not in git. */
export const localFile = ".state/images.local.json";

/** The folder of the lock file: the Pulumi project's if it has one, else the checkout. */
export function lockFolder(projectFolder: string, checkout: string): string {
  return existsSync(join(projectFolder, lockFile)) ? projectFolder : checkout;
}

/** The entry of another version than the default one, e.g. `letta@0.16.5`. */
export function versionKey(key: string, version: string): string {
  return `${key}@${version}`;
}

/**
 * The reference by which a container names its image.
 *
 * @param version default: the one that is pinned or built without a version
 * @throws UserError when the image is not pinned or not built yet
 */
export function imageReference(key: string, source: ImageSource, version?: string): string {
  return source.images === "local" || builtImages.includes(key)
    ? localReference(key, source.root, version)
    : registryReference(key, source, version);
}

/** The reference of an image built on this machine. @throws UserError when it is not built yet */
export function localReference(key: string, root: string, version?: string): string {
  const references = readJson<Record<string, string>>(join(root, localFile)) ?? {};
  const reference = choose(references, key, version, imageVersion);
  if (reference !== undefined) return reference;
  const name = version === undefined ? key : versionKey(key, version);
  throw new UserError(`image ${name} is not built: ${localFile} does not name it`, "make setup");
}

function registryReference(key: string, { root, mirror }: ImageSource, version?: string): string {
  const lock = readJson<ImageLock>(join(root, lockFile)) ?? {};
  const entry = choose(lock, key, version, ({ tag }) => tag);
  if (entry?.digest !== undefined) return `${tagReference(entry, mirror)}@${entry.digest}`;
  if (entry?.builtHere) return localReference(key, root, version);
  const name = version === undefined ? key : versionKey(key, version);
  throw new UserError(`image ${name} is not pinned: ${lockFile} has no digest for it`, "make images-lock");
}

/** The default entry if it has this version, else the version's own. */
function choose<Entry>(
  entries: Readonly<Record<string, Entry>>,
  key: string,
  version: string | undefined,
  versionOf: (entry: Entry) => string | null,
): Entry | undefined {
  const usual = entries[key];
  if (version === undefined || (usual !== undefined && versionOf(usual) === version)) return usual;
  return entries[versionKey(key, version)];
}

/** The tag without the content hash of images built here: `thoth-letta/redis:8-0123456789ab` -> `8`; null without a tag. */
export function imageVersion(reference: string): string | null {
  return /:([^:@/]+)(?:@|$)/.exec(reference)?.[1]?.replace(/-[0-9a-f]{12}$/, "") ?? null;
}

/** The reference of a tag, which may point to another image tomorrow. */
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

/** True for upstream's image of Letta, which contains its own Postgres. */
export const isLettaImage = (reference: string) => /(^|\/)letta\/letta(:|@|$)/.test(reference);
