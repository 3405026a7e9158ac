import { readFile } from "node:fs/promises";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import type { Place } from "./inventory.ts";
import { hops } from "./releases.ts";

/** What other sessions have to wait for while an operation of a migration runs; worst last. */
const locks = {
  none: "nothing waits",
  online: "nothing waits; the index is built beside the work",
  brief: "all wait for a moment: only the catalogue changes",
  rows: "writers of the same rows wait; time grows with them",
  "blocks writes": "writers of the table wait while it is read through",
  "blocks all": "everybody waits while the table is read through or written anew",
  unknown: "not to be told from the source",
} as const;
export type Lock = keyof typeof locks;

/** One migration of the schema. */
export interface Revision {
  readonly revision: string;
  readonly title: string;
  readonly operations: readonly { readonly what: string; readonly table: string | null; readonly lock: Lock }[];
}

/** What an upgrade of Letta is going to do. */
export interface UpgradePlan {
  readonly from: string;
  readonly to: string;
  readonly notes: readonly string[];
  readonly revisions: readonly Revision[];
  /** Table that a migration touches -> its size with indexes, in bytes. */
  readonly tableBytes: Readonly<Record<string, number>>;
}

/**
 * Reads from the new image what its migrations do with a database at this revision.
 *
 * @throws UserError when the image does not know the revision: it is older than the database
 */
export async function planUpgrade(
  deps: Deps,
  place: Place,
  options: { from: string; to: string; image: string; schemaVersion: string },
): Promise<UpgradePlan> {
  const { from, to, image, schemaVersion } = options;
  const revisions = await pendingRevisions(deps, image, schemaVersion);
  if ("unknown" in revisions) {
    throw new UserError(
      `the database is at revision ${schemaVersion}, which Letta ${to} does not know: it is newer than that`,
      "a way back is a restore: make restore-list",
    );
  }
  const tables = revisions.flatMap(({ operations }) => operations.flatMap(({ table }) => table ?? []));
  return {
    ...{ from, to, revisions },
    notes: hops(from, to).flatMap((release) => [
      `Letta ${release.version}`,
      ...release.notes.map((note) => `  ${note}`),
    ]),
    tableBytes: await sizes(deps, place, [...new Set(tables)]),
  };
}

async function pendingRevisions(deps: Deps, image: string, current: string): Promise<Revision[] | { unknown: string }> {
  const script = await readFile(new URL("revisions.py", import.meta.url), "utf8");
  const args = ["run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", script, current];
  const lines = (await deps.engine.dockerOutput(args)).trim().split("\n");
  return JSON.parse(lines.at(-1) ?? "") as Revision[] | { unknown: string };
}

async function sizes(deps: Deps, place: Place, tables: readonly string[]): Promise<Record<string, number>> {
  if (tables.length === 0) return {};
  const names = tables.map((table) => `'${table.replaceAll("'", "")}'`).join(", ");
  const lines = await psql(
    deps,
    place.container,
    `select relname, pg_total_relation_size(oid) from pg_class where relkind = 'r' and relname in (${names});`,
    place.database,
  );
  return Object.fromEntries(lines.map((line) => [line.split("|")[0], Number(line.split("|")[1])]));
}

/** The worst lock that one migration takes. */
export function worstLock({ operations }: Revision): Lock {
  const order = Object.keys(locks) as Lock[];
  return operations.reduce<Lock>(
    (worst, { lock }) => (order.indexOf(lock) > order.indexOf(worst) ? lock : worst),
    "none",
  );
}

/** A lock in words. */
export function describeLock(lock: Lock): string {
  return locks[lock];
}
