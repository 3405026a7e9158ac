import { type ImageSource, imageReference } from "../../infra/lib/images.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import type { Step } from "../lib/steps.ts";
import { backupImageSteps } from "./build.ts";
import { registryImageSteps } from "./on-registry.ts";
import { makesBackups } from "./own.ts";

/** The image that a stack's Postgres runs: a registry's cannot archive, so one is built on it. */
export function postgresReference(deps: Deps, stack: string, source: ImageSource, version?: string): string {
  const archives = source.images === "registry" && makesBackups(deps, stack);
  return imageReference(archives ? "postgres-archiving" : "postgres", source, version);
}

/** The steps that build what goes with another Postgres: the backup agent on it, and pgBackRest in one of a registry. */
export async function companionSteps(
  deps: Deps,
  stack: string,
  source: ImageSource,
  version: string,
): Promise<readonly Step[]> {
  if (!makesBackups(deps, stack)) return [];
  const reference = imageReference("postgres", source, version);
  const usual = imageReference("postgres", source);
  if (reference === usual) return [];
  if (source.images === "local") return backupImageSteps({ root, postgres: { version, reference } });
  return registryImageSteps({
    ...{ root, stateRoot: source.root, postgresVersion: version, wanted: ["backup"], needs: [] },
    bases: { base: imageReference("base", source), postgres: reference },
  });
}
