import { existsSync } from "node:fs";
import { join } from "node:path";
import { expandPath } from "../../infra/config/thoth.ts";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";

type Config = Readonly<Record<string, unknown>>;

const standIn = "images/thoth/src";
const another = "make dev SOURCE=folder";

/**
 * The folder that a dev stack runs from: the given one, else that of before, else the stand-in's.
 *
 * @throws UserError when it is not there, or has no sources of what the stack's images are
 */
export function chooseSource(deps: Deps, given: string | undefined, own: Config, others: Config): string {
  const before = own.source === undefined ? undefined : String(own.source);
  const isReal = [own, others].some(hasImages);
  const source = given ?? before ?? (isReal ? undefined : standIn);
  if (source === undefined)
    throw new UserError("the other Thoth runs from images, whose sources this is to run from", another);
  const folder = expandPath(source, deps.projectDirectory);
  if (!existsSync(folder)) throw new UserError(`there is no folder ${folder}`, another);
  const wanted = isReal ? "thoth" : "main.ts";
  if (existsSync(join(folder, wanted))) return source;
  const inside = join(folder, "src");
  const hint = existsSync(join(inside, wanted)) ? `make dev SOURCE=${inside}` : another;
  throw new UserError(
    `${folder} has no ${wanted}, which the sources of ${isReal ? "Thoth" : "the stand-in"} have`,
    hint,
  );
}

/** True for a Thoth of images instead of the stand-in's. */
function hasImages({ image, repository, roles = {} }: Config): boolean {
  const ofRoles = Object.values(roles as Readonly<Record<string, { image?: string } | null>>);
  return image !== undefined || repository !== undefined || ofRoles.some((role) => role?.image !== undefined);
}
