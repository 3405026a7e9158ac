import { UserError } from "../../infra/lib/errors.ts";
import { runningImage } from "../images/version.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import { databasesOf } from "../lib/stacks.ts";
import { type AdoptionOperation, requireExtensions } from "./adoption.ts";
import { summary } from "./compare.ts";
import { takeInventory } from "./inventory.ts";
import { adoptionNames, majorOf, type OldCluster } from "./old-cluster.ts";
import { planUpgrade } from "./plan.ts";
import { renderPlan } from "./report.ts";
import type { Run } from "./steps.ts";

/** @throws UserError when the image is of another major version than the cluster */
export async function requireMajor(deps: Deps, { volume, major }: OldCluster, image: string): Promise<string> {
  const found = await majorOf(deps, image);
  if (found === major) return image;
  throw new UserError(
    `volume ${volume} is of Postgres ${major}, and ${image} is Postgres ${found}`,
    `name an image that has Postgres ${major} and the same extensions, e.g. --image pgvector/pgvector:pg${major}`,
  );
}

/** @throws UserError when the cluster has none that the stack wants, or one that nobody has said what to do with */
export async function chooseDatabases(
  { deps, site }: Run,
  { volume }: OldCluster,
  without: readonly string[],
): Promise<string[]> {
  const query = "select datname from pg_database where not datistemplate and datname <> 'postgres' order by 1";
  const there = await psql(deps, adoptionNames(site.prefix).postgres, query);
  const wanted = databasesOf(site.letta);
  const unknown = there.filter((name) => !wanted.includes(name) && !without.includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      `volume ${volume} has databases that no project of stack ${site.stack} is named after: ${unknown.join(", ")}`,
      `add them to thoth-letta:projects, or leave them: ${unknown.map((name) => `--without ${name}`).join(" ")}`,
    );
  }
  const chosen = there.filter((name) => wanted.includes(name) && !without.includes(name));
  if (chosen.length > 0) return chosen;
  throw new UserError(`volume ${volume} has no database that is wanted: ${there.join(", ") || "none at all"}`);
}

/** Shows what is going to come, and looks whether it can. @returns what Letta's database holds */
export async function inspectOld(
  { deps, site }: Run,
  databases: readonly string[],
): Promise<Pick<AdoptionOperation, "before">> {
  await requireExtensions(deps, site, databases);
  if (!databases.includes("letta")) return {};
  const place = { container: adoptionNames(site.prefix).postgres, database: "letta" };
  const before = await takeInventory(deps, place);
  if (before.schemaVersion === null && Object.keys(before.rows).length > 0) {
    throw new UserError(
      "the old database of Letta has tables and no alembic_version, so nobody knows which migrations it has had",
      "find out which Letta wrote it, and stamp it there: alembic stamp REVISION",
    );
  }
  deps.print(`the old Letta has ${summary(before)}; its schema is at ${before.schemaVersion ?? "nothing yet"}`);
  const letta = await runningImage(deps, site.names.server);
  const options = {
    from: "the old one",
    to: letta.version,
    image: letta.reference,
    schemaVersion: before.schemaVersion ?? "",
  };
  if (before.schemaVersion !== null)
    for (const line of renderPlan(await planUpgrade(deps, place, options)).slice(1)) deps.print(line);
  return { before };
}
