import type { Deps } from "./deps.ts";

/** Asks before something changes. True when the operator agrees, or has agreed beforehand by `--yes`. */
export async function confirm(
  deps: Pick<Deps, "confirm" | "print">,
  yes: boolean,
  question = "continue?",
): Promise<boolean> {
  if (yes || (await deps.confirm(question))) return true;
  deps.print("nothing was changed; to skip the question use --yes (make: YES=1)");
  return false;
}
