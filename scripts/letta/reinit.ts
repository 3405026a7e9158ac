import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../infra/lib/errors.ts";
import { localReference } from "../../infra/lib/images.ts";
import { lettaNames } from "../../infra/lib/names.ts";
import { pinnedReferences } from "../images/registry.ts";
import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { prefixOf, readConfigFile } from "../lib/stack-file.ts";

const guard = join(root, "images/postgres/uploads/guard.sh");
const volumePath = "/var/lib/postgresql/data";

/**
 * Puts a cluster aside whose first start was interrupted, within its volume, so that the next start makes another one.
 *
 * The guard itself looks at the volume, under its lock: a cluster that was ever finished stays where it is.
 */
export async function reinitLetta({ stack }: { stack: string }, deps: Deps): Promise<number> {
  const names = lettaNames(prefixOf(deps, stack));
  const { postgresVolume: volume = names.volumes.postgres } = readConfigFile(deps, stack) as {
    postgresVolume?: string;
  };
  // A container that mounts a volume makes it.
  if (!(await deps.engine.volumeExists(String(volume))))
    throw new UserError(`there is no volume ${volume}: nothing was ever started on it`, "make letta-start");
  const image = await postgresImage(deps, stack, names.postgres);
  // Nothing is stopped for it: a Postgres that works holds the lock, and then the guard refuses.
  const result = await deps.engine.docker(
    [
      ...["run", "--rm", "--interactive", "--network", "none", "--user", "0:0"],
      ...["--env", `PGDATA=${volumePath}/pgdata`, "--env", "POSTGRES_LOCK_WAIT_SECONDS=5"],
      ...["--volume", `${volume}:${volumePath}`, "--entrypoint", "bash", image, "-s", "set-aside"],
    ],
    { input: await readFile(guard, "utf8") },
  );
  if (result.exitCode !== 0) throw new UserError(result.stderr.trim().replace(/^REFUSED: /, ""));
  deps.print(`put aside in volume ${volume}: ${result.stdout.trim()}; make letta-start makes a new cluster`);
  return 0;
}

/** That of the container that could not start, else the one that it would be given. */
async function postgresImage(deps: Deps, stack: string, container: string): Promise<string> {
  const known = await deps.engine.inspectContainer(container);
  if (known !== undefined) return known.Config.Image;
  if (readConfigFile(deps, stack).images === "local") return localReference("postgres", root);
  return pinnedReferences(deps, stack).postgres;
}
