import { type Notes, paths } from "../../images/page/src/contract.ts";
import { docker } from "../../infra/lib/docker/engine.ts";
import { redact } from "./format.ts";

/** Written to a second file and moved: the page reads the old one or the new one. */
const script = 'cat >"$1.new" && mv "$1.new" "$1"';

/**
 * Leaves a note for a status page, which has no other way to know it. A page that is not there misses it.
 *
 * @param container Docker name
 */
export async function tellPage<Name extends keyof Notes>(container: string, name: Name, note: Notes[Name]) {
  const write = ["exec", "--interactive", container, "sh", "-c", script, "note", `${paths.notes}/${name}.json`];
  await docker(write, { input: redact(JSON.stringify(note)), timeoutSeconds: 10 }).catch(() => {});
}
