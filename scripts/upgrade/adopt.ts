import { UserError } from "../../infra/lib/errors.ts";
import { runningImage } from "../images/version.ts";
import { listDatabases } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { stamp } from "../lib/operation.ts";
import { databasesOf } from "../lib/stacks.ts";
import { begin, type ChangeOptions, carryOut, exitCodeOf, type Outcome, resumeChange } from "./change.ts";
import { type Inventory, pendingMigrations, summary } from "./check.ts";
import { findCluster, requireMajor, startOldCluster } from "./copy.ts";
import { copyDatabase } from "./dump.ts";
import { type Adoption, databaseNames, type Run } from "./operation.ts";

/** Options of `letta adopt`. */
export interface AdoptOptions extends ChangeOptions {
  /** Docker volume with the cluster of another installation. */
  readonly fromVolume?: string;
  /** Image with a Postgres of that cluster's major version. Default: the stack's own. */
  readonly image?: string;
  /** Databases of the old cluster that are not wanted. */
  readonly without: readonly string[];
}

/** Runs `letta adopt`. @throws UserError when it gets neither a volume nor `--resume` */
export async function runAdopt(options: AdoptOptions, deps: Deps): Promise<number> {
  const { stack, resume } = options;
  return exitCodeOf(await (resume ? resumeChange(deps, stack, "letta-adopt") : adopt(options, deps)), options);
}

/** Takes over the databases of another installation's Postgres, of any major version, by dump and restore. */
async function adopt(options: AdoptOptions, deps: Deps): Promise<Outcome> {
  const { stack, fromVolume: volume, image: oldImage } = options;
  if (volume === undefined) throw new UserError("adopt needs a volume", "make letta-adopt VOLUME=name");
  const run = await begin(deps, stack, "letta-adopt");
  const { site } = run;
  const { reference: image } = await runningImage(deps, site.names.postgres);
  const cluster = await findCluster(deps, volume, image);
  const fix = `name an image of it with the same extensions, e.g. IMAGE=pgvector/pgvector:pg${cluster.major}`;
  await requireMajor(deps, oldImage ?? image, cluster.major, fix);
  const planned = { kind: "letta-adopt", resume: "make letta-adopt RESUME=1", stack, id: stamp() } as const;
  const databases = databasesOf(site.letta);
  return carryOut<Adoption>(run, { ...planned, phase: "prepare", volume, databases }, options, async (operation) => {
    deps.print(`copying volume ${volume}, Postgres ${cluster.major}`);
    await startOldCluster(deps, site, oldImage ?? image, cluster);
    const chosen = await chooseDatabases(run, options);
    return { databases: chosen, ...(await copyDatabases(run, { ...operation, databases: chosen }, image)) };
  });
}

/** @throws UserError when the cluster has none that the stack wants, or one that the operator has not decided on */
async function chooseDatabases({ deps, site }: Run, { fromVolume, without }: AdoptOptions): Promise<string[]> {
  const there = await listDatabases(deps, site.copy.containers.postgres);
  const left = there.filter((name) => name !== "postgres" && !without.includes(name));
  const unknown = left.filter((name) => !databasesOf(site.letta).includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      `volume ${fromVolume} has databases that no project of stack ${site.stack} is named after: ${unknown.join(", ")}`,
      `add them to thoth-letta:projects, or leave them: WITHOUT=${unknown.join(",")}`,
    );
  }
  if (left.length === 0) throw new UserError(`volume ${fromVolume} has no database to adopt: ${there.join(", ")}`);
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
  if (expected === undefined) return {};
  deps.print("what the old Letta encrypted needs its key, as thoth-letta:secretEnv.LETTA_ENCRYPTION_KEY");
  return { expected };
}
