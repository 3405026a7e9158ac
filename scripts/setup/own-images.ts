import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { thothRoles } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";

type Place = Pick<Deps, "projectDirectory">;

/**
 * The images that are built here although all others come from a registry, which has none of them.
 *
 * @throws UserError when there are any, and `checkout` has not what builds them
 */
export function ownImages(
  deps: Place,
  stacks: { readonly lettaStack: string; readonly thothStack: string },
  checkout: string,
): ("thoth" | "backup")[] {
  const hasSources = existsSync(join(checkout, "offline"));
  const wantsStandIn = needsStandIn(deps, stacks.thothStack);
  const wantsBackup = needsBackup(deps, stacks.lettaStack);
  if (wantsStandIn && !hasSources) {
    throw new UserError(
      `thoth-letta:repository is not set in Pulumi.${stacks.thothStack}.yaml, and offline/, which has the stand-in, is not in this checkout`,
      `pulumi config set repository REGISTRY/acertainknight/project-thoth -s ${stacks.thothStack}, or restore offline/`,
    );
  }
  if (wantsBackup && !hasSources) {
    throw new UserError(
      "the image of the backup cannot be built: offline/, which has what it is built with, is not in this checkout",
      `restore offline/, or do without backups: pulumi config set --path thoth-letta:backup.engine off -s ${stacks.lettaStack}`,
    );
  }
  return [...(wantsStandIn ? (["thoth"] as const) : []), ...(wantsBackup ? (["backup"] as const) : [])];
}

/** True when a thoth stack runs the stand-in. */
function needsStandIn(deps: Place, stack: string): boolean {
  const { repository, roles } = readConfigFile(deps, stack) as {
    repository?: string;
    roles?: Readonly<Record<string, { image?: string }>>;
  };
  return repository === undefined && !thothRoles.every((role) => roles?.[role]?.image !== undefined);
}

/** True unless a letta stack's config turns its backups off. */
function needsBackup(deps: Place, stack: string): boolean {
  const { backup } = readConfigFile(deps, stack) as { backup?: { engine?: string } | null };
  return backup?.engine !== "off";
}
