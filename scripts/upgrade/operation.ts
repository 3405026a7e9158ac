import type { lettaNames } from "../../infra/lib/names.ts";
import type { ImageChoice, VersionedImage } from "../images/version.ts";
import { type BackupStack, readBackupStack } from "../lib/backup-agent/stack.ts";
import type { Deps } from "../lib/deps.ts";
import { type Operation, saveOperation } from "../lib/operation.ts";
import { namesOf, prefixOf } from "../lib/stack-file.ts";
import { type LettaStack, readLetta, required } from "../lib/stacks.ts";
import type { Inventory, Place } from "./check.ts";

/** What an upgrade and an adoption have in common. */
interface Common extends Operation {
  /**
   * `prepare` leaves the stack alone, from `stop` on clients are kept out; until there everything leads back to the old
   * state. `switch` leads on to the new one, or through `return` back, and `open` lets clients in.
   */
  readonly phase: "prepare" | "stop" | "switch" | "return" | "open";
  /** Databases that it replaces or migrates: there is a way back for each. */
  readonly databases: readonly string[];
  /** What Letta's database held right before the switch, and what it must hold after it. */
  readonly before?: Inventory;
  readonly expected?: Inventory;
  /** Named restore point from right before the switch. */
  readonly point?: string;
  /** Why it goes back. */
  readonly problem?: string;
}

/** A move of Letta, or of its Postgres, to another image. */
export interface Upgrade extends Common {
  readonly kind: "letta-upgrade";
  readonly what: VersionedImage;
  /** `configured`: the version that the config named; null where it named none. */
  readonly from: ImageChoice & { readonly configured: string | null };
  readonly to: ImageChoice;
}

/** A takeover of the databases in another installation's volume. */
export interface Adoption extends Common {
  readonly kind: "letta-adopt";
  readonly volume: string;
}

export type Change = Upgrade | Adoption;

/** What a change makes of a database: the one that comes in, the one from before, and what a failed switch left. */
export function databaseNames({ id }: Pick<Operation, "id">, database: string) {
  const name = (role: string) => `${database}_${role}_${id}`;
  return { incoming: name("incoming"), before: name("before"), failed: name("failed") };
}

/** A letta stack, as a change needs it. */
export interface Site {
  readonly stack: string;
  readonly letta: LettaStack;
  readonly names: ReturnType<typeof lettaNames>;
  /** Undefined where backups are off. */
  readonly backups: BackupStack | undefined;
  /** Letta's own database. */
  readonly place: Place;
  /** Docker names of what the change makes for its preparation. */
  readonly copy: {
    readonly volume: string;
    readonly containers: Readonly<Record<"restore" | "postgres" | "redis" | "server" | "migration", string>>;
  };
}

export interface Run {
  readonly deps: Deps;
  readonly site: Site;
}

/** @throws UserError when the stack never came up */
export async function readRun(deps: Deps, stack: string, kind: Change["kind"]): Promise<Run> {
  const letta = required(await readLetta(deps, stack), stack, "make letta-start");
  const names = namesOf(deps, stack);
  const backups = letta.backup?.enabled === true ? await readBackupStack(deps, stack) : undefined;
  const place = { container: names.postgres, database: "letta" };
  const copy = copyNames(deps, stack, kind);
  return { deps, site: { stack, letta, names, backups, place, copy } };
}

/** Docker names of what a change makes for its preparation. */
export function copyNames(deps: Deps, stack: string, kind: Change["kind"]): Site["copy"] {
  const start = `${prefixOf(deps, stack)}-${kind === "letta-upgrade" ? "rehearsal" : "adoption"}`;
  const [postgres, redis, server] = [`${start}-postgres`, `${start}-redis`, `${start}-server`];
  const containers = { restore: start, postgres, redis, server, migration: `${start}-migration` };
  return { volume: start, containers };
}

/** Records what is known of an operation, e.g. that a phase begins. */
export function enter<Kind extends Change>({ deps }: Run, operation: Kind, changes: Partial<Change>): Promise<Kind> {
  return saveOperation<Kind>(deps, { ...operation, ...changes });
}
