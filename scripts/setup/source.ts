import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { tagReference } from "../../infra/lib/images.ts";
import { readLock } from "../images/registry.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { mirrorOf } from "../lib/stack-images.ts";

/** Where images and tools come from, and why. */
export interface Source {
  readonly images: "registry" | "local";
  readonly reason: string;
}

/** A registry that does not answer within this time counts as unreachable. */
const probeSeconds = 30;

/**
 * Chooses between a registry and local builds: by the stack's config, else THOTH_LETTA_IMAGES, else whether a registry
 * answers.
 *
 * @throws UserError if no registry answers and nothing can be built here
 */
export async function chooseSource(deps: Deps, stack: string, checkout = root): Promise<Source> {
  const known = readConfigFile(deps, stack).images;
  if (known === "registry" || known === "local") return { images: known, reason: `Pulumi.${stack}.yaml says so` };
  const wanted = process.env.THOTH_LETTA_IMAGES;
  if (wanted === "registry" || wanted === "local") return { images: wanted, reason: "THOTH_LETTA_IMAGES says so" };
  if (await doesRegistryAnswer(deps, mirrorOf(deps, stack)))
    return { images: "registry", reason: "an image registry answers" };
  if (existsSync(join(checkout, "offline"))) return { images: "local", reason: "no image registry answers" };
  throw new UserError(
    "no image registry answers, and this checkout has no offline/",
    "check the network, or restore offline/",
  );
}

async function doesRegistryAnswer(deps: Deps, mirror: string | undefined): Promise<boolean> {
  const reference = tagReference((await readLock(deps)).nginx ?? { name: "library/nginx", tag: "latest" }, mirror);
  const result = await deps.$({ nothrow: true, timeout: `${probeSeconds}s` })`docker pull --quiet ${reference}`;
  return result.exitCode === 0;
}
