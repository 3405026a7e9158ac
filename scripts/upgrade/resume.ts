import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { endOperation } from "../lib/operation.ts";
import { literal, psql } from "../lib/psql.ts";
import { repair } from "../lib/repair.ts";
import { dropDatabase } from "./database-copy.ts";
import { letIn } from "./drain.ts";
import { databaseNames, type UpgradeOperation } from "./operation.ts";
import { removeRehearsal } from "./rehearsal-containers.ts";
import { upPatiently } from "./return.ts";
import type { Run } from "./steps.ts";

/** How long a Pulumi that outlived the upgrade that had started it is waited for. */
const otherRunSeconds = 600;

/** Ends an upgrade that has not come to `switch`: the old version serves on, and nothing of the attempt is left. */
export async function abandon({ deps, site }: Run, operation: UpgradeOperation): Promise<void> {
  await removeRehearsal(deps, site.prefix);
  if (operation.phase !== "rehearse") {
    await fix(deps, site.stack);
    await upPatiently(deps, site.stack);
    await endSessions({ deps, site }, operation);
    await dropDatabase(deps, site.names.postgres, databaseNames(operation).copy);
    await letIn(deps, site.names.gateway);
  }
  await endOperation(deps, operation);
}

/** A copy that is still being made by a Postgres whose client was killed would be there after it was dropped. */
async function endSessions({ deps, site }: Run, operation: UpgradeOperation): Promise<void> {
  const pattern = literal(`%${databaseNames(operation).copy}%`);
  const others = `pid <> pg_backend_pid() and query like ${pattern}`;
  await psql(
    deps,
    site.names.postgres,
    `select pg_terminate_backend(pid, 30000) from pg_stat_activity where ${others};`,
  );
}

/** Repairs what a killed run left, once the Pulumi that it may have left at work has ended. */
export async function fix(deps: Deps, stack: string): Promise<void> {
  const deadline = Date.now() + otherRunSeconds * 1000;
  for (;;) {
    try {
      await repair(deps, stack);
      return;
    } catch (error) {
      const isOtherRun = error instanceof UserError && /another run is at work/.test(error.message);
      if (!isOtherRun || Date.now() > deadline) throw error;
      await sleep(1000);
    }
  }
}
