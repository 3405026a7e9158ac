import { type ImageSource, lockFolder } from "../../infra/lib/images.ts";
import { root } from "./checkout.ts";
import type { Deps } from "./deps.ts";
import { readConfigFile } from "./stack-file.ts";

type Place = Pick<Deps, "projectDirectory">;

/** Where a stack's images come from, by its config. */
export function imageSource(deps: Place, stack: string): ImageSource {
  const { images = "registry" } = readConfigFile(deps, stack) as { images?: ImageSource["images"] };
  const folder = images === "local" ? root : lockFolder(deps.projectDirectory, root);
  return { root: folder, images, mirror: mirrorOf(deps, stack) };
}

/** The mirror of a stack's images: the one in its config, else THOTH_LETTA_MIRROR. */
export function mirrorOf(deps: Place, stack: string): string | undefined {
  const { imageMirror = process.env.THOTH_LETTA_MIRROR } = readConfigFile(deps, stack);
  return imageMirror === undefined ? undefined : String(imageMirror);
}

/** The version of an image that a stack's config names; undefined for the default one. */
export function configuredVersion(deps: Place, stack: string, key: "letta" | "postgres"): string | undefined {
  const version = readConfigFile(deps, stack)[`${key}Version`];
  return version === undefined ? undefined : String(version);
}
