import { UserError } from "../../infra/lib/errors.ts";
import { runningImage } from "../images/version.ts";
import { bringUp } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { readOperation, requireEnded, requireNoOperation, saveOperation, stamp } from "../lib/operation.ts";
import { psql } from "../lib/psql.ts";
import { requireSetup } from "../lib/require-setup.ts";
import { databasesOf } from "../lib/stacks.ts";
import { type AdoptionOperation, adoptDatabase } from "./adoption.ts";
import { chooseDatabases, inspectOld, requireMajor } from "./adoption-choice.ts";
import { abandonAdoption, enterAdoption, finishAdoption, keptLines } from "./adoption-steps.ts";
import { copyCluster, findCluster, startOldCluster } from "./old-cluster.ts";
import { fix } from "./resume.ts";
import { readSite } from "./site.ts";
import type { Run } from "./steps.ts";

/** Options of `letta adopt`. */
export interface AdoptOptions {
  readonly stack: string;
  /** Docker volume with the cluster of another installation. */
  readonly fromVolume: string;
  /** Image with a Postgres of that cluster's major version. Default: the stack's own. */
  readonly image?: string | undefined;
  /** Databases of the old cluster that are not wanted. */
  readonly without: readonly string[];
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** Runs `letta adopt`. @throws UserError when it is told neither a volume nor to go on */
export async function runAdopt(
  options: Omit<AdoptOptions, "fromVolume"> & { readonly fromVolume?: string; readonly resume: boolean },
  deps: Deps,
): Promise<number> {
  const { fromVolume, resume } = options;
  if (resume) return resumeAdoption(options, deps);
  if (fromVolume === undefined) throw new UserError("adopt needs a volume", "letta adopt --from-volume VOLUME");
  return adopt({ ...options, fromVolume }, deps);
}

/** Takes over the databases of another installation's Postgres, of any major version, by dump and restore. */
export async function adopt(options: AdoptOptions, deps: Deps): Promise<number> {
  const { stack, fromVolume, without, dryRun } = options;
  await requireSetup(deps, stack);
  await requireNoOperation(deps, stack);
  await bringUp(deps, stack);
  const run: Run = { deps, site: await readSite(deps, stack) };
  const image = (await runningImage(deps, run.site.names.postgres)).reference;
  const cluster = await findCluster(deps, fromVolume, image);
  const oldImage = await requireMajor(deps, cluster, options.image ?? image);
  const operation = await saveOperation<AdoptionOperation>(deps, {
    ...{ kind: "letta-adopt", resume: "make letta-adopt RESUME=1", stack, id: stamp() },
    ...{ phase: "copy", volume: fromVolume, databases: databasesOf(run.site.letta) },
  });
  try {
    deps.print(`copying volume ${fromVolume}, Postgres ${cluster.major}`);
    await copyCluster(deps, run.site.prefix, oldImage, cluster);
    await startOldCluster(deps, run.site.prefix, oldImage);
    const databases = await chooseDatabases(run, cluster, without);
    const before = await inspectOld(run, databases);
    if (dryRun || !(await mayGoOn(options, run, databases))) {
      await abandonAdoption(run, operation);
      deps.print("nothing was changed");
      return dryRun ? 0 : 1;
    }
    for (const database of databases) {
      deps.print(`copying database ${database}`);
      await adoptDatabase(deps, run.site, operation, { database, image });
      deps.print(`  rows, sequences and extensions are the same`);
    }
    return await conclude(run, await enterAdoption(run, operation, "switch", { databases, ...before }));
  } catch (error) {
    const current = await readOperation<AdoptionOperation>(deps, stack);
    if (current?.phase === "copy") await abandonAdoption(run, current);
    throw error;
  }
}

/** Goes on with an adoption that was interrupted: given up when it had not come to the switch. */
export async function resumeAdoption({ stack }: { stack: string }, deps: Deps): Promise<number> {
  const found = await readOperation<AdoptionOperation>(deps, stack);
  if (found?.kind !== "letta-adopt") throw new UserError(`no adoption into stack ${stack} was interrupted`);
  requireEnded(found);
  const operation = await saveOperation<AdoptionOperation>(deps, found);
  deps.print(`an adoption of volume ${operation.volume} was interrupted (${operation.phase})`);
  await fix(deps, stack);
  const run: Run = { deps, site: await readSite(deps, stack) };
  if (operation.phase !== "copy") return conclude(run, operation);
  await abandonAdoption(run, operation);
  deps.print("nothing was changed");
  return 0;
}

async function conclude(run: Run, operation: AdoptionOperation): Promise<number> {
  const problem = await finishAdoption(run, operation);
  if (problem !== undefined) throw new UserError(`nothing was adopted, the stack is as it was: ${problem}`);
  run.deps.print(`adopted: ${operation.databases.join(", ")}`);
  for (const line of await keptLines(run.deps, run, operation)) run.deps.print(line);
  return 0;
}

async function mayGoOn({ yes }: AdoptOptions, { deps, site }: Run, databases: readonly string[]): Promise<boolean> {
  const [own] = await psql(deps, site.names.postgres, "select count(*) from agents", "letta");
  deps.print(`databases to adopt: ${databases.join(", ")}`);
  if (own !== "0")
    deps.print(
      `the stack has ${own} agents of its own: they stay in a database put aside, and Letta will not see them`,
    );
  deps.print(
    "secrets that the old Letta encrypted need its key: set thoth-letta:secretEnv.LETTA_ENCRYPTION_KEY if it had one",
  );
  if (yes || (await deps.confirm("go on?"))) return true;
  deps.print("to go on without a question say --yes (make: YES=1)");
  return false;
}
