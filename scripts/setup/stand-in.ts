import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { thothRoles } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";

/**
 * True when a thoth stack runs the stand-in, which is built here in any case.
 *
 * @throws UserError when it would, and `checkout` has not the stand-in's sources
 */
export function needsStandIn(deps: Pick<Deps, "projectDirectory">, stack: string, checkout: string): boolean {
  const { repository, roles } = readConfigFile(deps, stack) as {
    repository?: string;
    roles?: Readonly<Record<string, { image?: string }>>;
  };
  if (repository !== undefined || thothRoles.every((role) => roles?.[role]?.image !== undefined)) return false;
  if (existsSync(join(checkout, "offline"))) return true;
  throw new UserError(
    `thoth-letta:repository is not set in Pulumi.${stack}.yaml, and offline/, which has the stand-in, is not in this checkout`,
    `pulumi config set repository REGISTRY/acertainknight/project-thoth -s ${stack}, or restore offline/`,
  );
}
