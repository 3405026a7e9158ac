import { lettaNames } from "../../infra/lib/names.ts";
import type { BackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { unprotectVolume, up } from "../lib/pulumi.ts";
import { repair } from "../lib/repair.ts";
import { changeConfigFile } from "../lib/stack-file.ts";
import { stopContainers } from "../lib/stacks.ts";
import type { ServerRestore } from "./server.ts";

/** Puts Postgres on another volume, and everything else on that Postgres. Killed anywhere, it can be done again. */
export async function switchVolume(deps: Deps, { stack, prefix }: BackupStack, { to }: ServerRestore): Promise<void> {
  const { gateway, server, postgres } = lettaNames(prefix);
  // Nothing that Letta does may be half on one volume and half on the other.
  await stopContainers(deps, [gateway, server, postgres]);
  await changeConfigFile(deps, stack, { postgresVolume: to });
  await repair(deps, stack);
  // Pulumi leaves the volume itself alone in any case; its protection would forbid that it is replaced in the state.
  await unprotectVolume(deps, stack, to);
  await up(deps, stack);
}
