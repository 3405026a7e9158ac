import type { ImageChoice, VersionedImage } from "../images/version.ts";
import type { Operation } from "../lib/operation.ts";
import type { Inventory } from "./inventory.ts";

/**
 * An upgrade that is under way. Up to `save` the old version is what the config names, and whatever stops it leads back to
 * that; from `switch` on the config names the new one, which is brought up and compared, or given up by `return`.
 */
export interface UpgradeOperation extends Operation {
  readonly kind: "letta-upgrade";
  readonly phase: "rehearse" | "drain" | "save" | "switch" | "open" | "return" | "reopen";
  readonly what: VersionedImage;
  /** `configured`: what the config named; null where it left it to the default. */
  readonly from: ImageChoice & { readonly configured: string | null };
  readonly to: ImageChoice;
  /** ISO 8601. */
  readonly startedAt: string;
  /** When clients were kept out, ISO 8601, and how long that was. */
  readonly closedAt?: string;
  readonly closedSeconds?: number;
  /** Phase -> seconds. */
  readonly timings: Readonly<Record<string, number>>;
  /** Named restore point from right before the switch. */
  readonly point?: string;
  /** What the database held then. */
  readonly before?: Inventory;
  /** Why it goes back. */
  readonly problem?: string;
  /** Database that the attempt changed, kept under another name. */
  readonly kept?: string;
}

/** Config key that names an image's version. */
export const versionConfig = { letta: "lettaVersion", postgres: "postgresVersion" } as const;

/** Names of what an upgrade makes in Postgres: the copy to go back to, and what it then puts aside. */
export function databaseNames({ id }: Pick<Operation, "id">) {
  return { copy: `letta_before_${id}`, failed: `letta_failed_${id}` } as const;
}
