import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "../../images/backup/src/contract.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { imageReference } from "../../infra/lib/images.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf, readConfigFile } from "../lib/stack-file.ts";
import { configuredVersion, imageSource } from "../lib/stack-images.ts";

const guard = join(root, "images/postgres/uploads/guard.sh");

/**
 * Sets a cluster aside, within its volume, if its first start was interrupted; the next start makes a new one.
 *
 * The guard looks at the volume itself, holding its lock: a cluster that was ever finished stays where it is.
 */
export async function reinitLetta({ stack }: { stack: string }, deps: Deps): Promise<number> {
  const names = namesOf(deps, stack);
  const volume = String(readConfigFile(deps, stack).postgresVolume ?? names.volumes.postgres);
  // Mounting a volume that does not exist creates it.
  if (!(await deps.engine.volumeExists(volume))) {
    throw new UserError(`there is no volume ${volume}: nothing was ever started on it`, "make letta-start");
  }
  const image = await postgresImage(deps, stack);
  // Nothing needs to be stopped: while Postgres runs it holds the lock, and the guard refuses.
  const result = await deps.engine.docker(
    [
      ...["run", "--rm", "--interactive", "--network", "none", "--user", "0:0"],
      ...["--env", `PGDATA=${paths.cluster}`, "--env", "POSTGRES_LOCK_WAIT_SECONDS=5"],
      ...["--volume", `${volume}:${paths.volume}`, "--entrypoint", "bash", image, "-s", "set-aside"],
    ],
    { input: await readFile(guard, "utf8") },
  );
  if (result.exitCode !== 0) throw new UserError(result.stderr.trim().replace(/^REFUSED: /, ""));
  deps.print(`set aside in volume ${volume}: ${result.stdout.trim()}; next: make letta-start`);
  return 0;
}

/** The image of the stack's Postgres container, or the one that it would get. */
export async function postgresImage(deps: Deps, stack: string): Promise<string> {
  const known = await deps.engine.inspectContainer(namesOf(deps, stack).postgres);
  return (
    known?.Config.Image ??
    imageReference("postgres", imageSource(deps, stack), configuredVersion(deps, stack, "postgres"))
  );
}
