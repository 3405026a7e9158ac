import { lettaNames } from "../../infra/lib/names.ts";
import { type BackupStack, readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { prefixOf } from "../lib/stack-file.ts";
import { type LettaStack, readLetta, required } from "../lib/stacks.ts";
import type { Place } from "./inventory.ts";

/** A letta stack as an upgrade needs it. */
export interface UpgradeSite {
  readonly stack: string;
  readonly prefix: string;
  readonly letta: LettaStack;
  readonly names: ReturnType<typeof lettaNames>;
  /** Undefined where backups are turned off. */
  readonly backups: BackupStack | undefined;
  /** Letta's own database. */
  readonly place: Place;
}

/** The letta stack of this name. @throws UserError when it never came up */
export async function readSite(deps: Deps, stack: string): Promise<UpgradeSite> {
  const letta: LettaStack = required(await readLetta(deps, stack), stack, "make letta-start");
  const prefix = prefixOf(deps, stack);
  const names = lettaNames(prefix);
  return {
    stack,
    prefix,
    letta,
    names,
    backups: letta.backup?.enabled === true ? await readBackupStack(deps, stack) : undefined,
    place: { container: names.postgres, database: "letta" },
  };
}
