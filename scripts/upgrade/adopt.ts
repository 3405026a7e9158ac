import { UserError } from "../../infra/lib/errors.ts";
import { runningImage } from "../images/version.ts";
import { listDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, stamp } from "../lib/operation.ts";
import { databasesOf } from "../lib/stacks.ts";
import { begin, carryOut, type Outcome, resumeChange } from "./change.ts";
import { type Inventory, type Place, pendingMigrations, queryJson, summary } from "./check.ts";
import { findCluster, startOldCluster } from "./copy.ts";
import { copyDatabase } from "./dump.ts";
import { type Adoption, type Change, databaseNames, type Run } from "./operation.ts";

/** A cluster to take over, whose Postgres is stopped. */
export interface OldDatabases {
  readonly stack: string;
  /** Docker volume or folder with the cluster. */
  readonly volume: string;
  /** Image with a Postgres of that cluster's major version. */
  readonly image: string;
  /** Databases of the old cluster that are not wanted. */
  readonly without: readonly string[];
  /** The stack's own agents may be replaced. */
  readonly replace: boolean;
  /** How long to wait for runs at work, in seconds. */
  readonly drainSeconds: number;
}

/**
 * Takes over the databases of another installation's Postgres, of any major version, by dump and restore. An interrupted one
 * is settled first, and counts if it had come to its switch.
 */
export async function adoptDatabases(deps: Deps, old: OldDatabases): Promise<Outcome> {
  const { stack } = old;
  const unfinished = await readOperation<Change>(deps, stack);
  if (unfinished?.kind === "letta-adopt") {
    const outcome = await resumeChange(deps, stack, "letta-adopt");
    if (outcome.result !== "not begun") return outcome;
  }
  const run = await begin(deps, stack, "letta-adopt");
  const { site } = run;
  const agents = await countAgents(deps, site.place);
  refuseOwnAgents(agents, old);
  if (agents > 0) deps.print(`the stack's own agents (${agents}) are ${kept}`);
  const { reference: image } = await runningImage(deps, site.names.postgres);
  const cluster = await findCluster(deps, old.volume, image);
  const planned = { kind: "letta-adopt", resume: "make adopt", stack, id: stamp(), volume: old.volume } as const;
  const [options, databases] = [{ ...old, dryRun: false, yes: true, resume: false }, databasesOf(site.letta)];
  return carryOut<Adoption>(run, { ...planned, phase: "prepare", databases }, options, async (operation) => {
    await startOldCluster(deps, site, old.image, cluster);
    const chosen = await chooseDatabases(run, old);
    return { databases: chosen, ...(await copyDatabases(run, { ...operation, databases: chosen }, image)) };
  });
}

/** Agents in a database of Letta. */
export function countAgents(deps: Deps, place: Place): Promise<number> {
  return queryJson<number>(deps, place, "select count(*) from agents where not is_deleted");
}

const kept = "kept as database letta_before_…";

/** @throws UserError when the stack has agents that nobody said may be replaced */
export function refuseOwnAgents(agents: number, { replace, stack }: Pick<OldDatabases, "replace" | "stack">): void {
  if (agents === 0 || replace) return;
  throw new UserError(
    `stack ${stack} has agents already (${agents}): the adopted ones do not join them, but take their place, and they are ${kept}`,
    "make adopt REPLACE=1",
  );
}

/** @throws UserError when the cluster has none that the stack wants, or one that the operator has not decided on */
async function chooseDatabases({ deps, site }: Run, { volume, without }: OldDatabases): Promise<string[]> {
  const there = await listDatabases(deps, site.copy.containers.postgres);
  const left = there.filter((name) => name !== "postgres" && !without.includes(name));
  const unknown = left.filter((name) => !databasesOf(site.letta).includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      `${volume} has databases that no project of stack ${site.stack} is named after: ${unknown.join(", ")}`,
      `add them to thoth-letta:projects, or leave them: make adopt WITHOUT=${unknown.join(",")}`,
    );
  }
  if (left.length === 0) throw new UserError(`${volume} has no database to adopt: ${there.join(", ")}`);
  return left;
}

/** Copies databases of the old cluster next to the stack's own of the same names. */
async function copyDatabases({ deps, site }: Run, operation: Adoption, image: string): Promise<Partial<Adoption>> {
  const { reference: letta } = await runningImage(deps, site.names.server);
  let expected: Inventory | undefined;
  for (const database of operation.databases) {
    const from = { container: site.copy.containers.postgres, database };
    // Refuses what Letta cannot migrate.
    if (database === "letta") await pendingMigrations(deps, letta, from);
    const to = { container: site.names.postgres, database: databaseNames(operation, database).incoming };
    const copied = await copyDatabase(deps, from, to, { owner: database, image });
    deps.print(`copied database ${database}: ${summary(copied)}`);
    if (database === "letta") expected = copied;
  }
  return expected === undefined ? {} : { expected };
}
