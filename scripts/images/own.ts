import { wouldRunTrialModel } from "../../infra/config/models.ts";
import { thothRoles } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import type { OwnImage } from "./plan.ts";

type Place = Pick<Deps, "projectDirectory">;

/** The unpublished images that a pair of stacks needs. */
export function ownImages(
  deps: Place,
  { lettaStack, thothStack }: { readonly lettaStack: string; readonly thothStack: string },
): OwnImage[] {
  return [
    ...(needsStandIn(deps, thothStack) ? (["thoth"] as const) : []),
    ...(makesBackups(deps, lettaStack) ? (["backup"] as const) : []),
    ...(hasPage(deps, lettaStack) ? (["page"] as const) : []),
    ...(wouldRunTrialModel(readConfigFile(deps, lettaStack)) ? (["model"] as const) : []),
  ];
}

/** True unless a letta stack's config turns its status page off. */
function hasPage(deps: Place, stack: string): boolean {
  const { page } = readConfigFile(deps, stack) as { page?: { enabled?: boolean } | null };
  return page?.enabled !== false;
}

/** True when a thoth stack runs the stand-in. */
function needsStandIn(deps: Place, stack: string): boolean {
  const { image, repository, roles } = readConfigFile(deps, stack) as {
    image?: string;
    repository?: string;
    roles?: Readonly<Record<string, { image?: string }>>;
  };
  return (
    image === undefined && repository === undefined && !thothRoles.every((role) => roles?.[role]?.image !== undefined)
  );
}

/** True unless a letta stack's config turns its backups off. */
export function makesBackups(deps: Place, stack: string): boolean {
  const { backup } = readConfigFile(deps, stack) as { backup?: { enabled?: boolean } | null };
  return backup?.enabled !== false;
}
