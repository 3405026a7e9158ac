import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import { differences } from "./compare.ts";
import { type Place, queryJson, takeInventory } from "./inventory.ts";
import { majorOf } from "./old-cluster.ts";
import { makeCopy } from "./rehearsal.ts";
import { rehearsalNames, removeRehearsal, startCopy } from "./rehearsal-containers.ts";
import type { UpgradeSite } from "./site.ts";

/** An extension that the new image has in another version than the one a database uses. */
export interface NewerExtension {
  readonly name: string;
  readonly installed: string;
  readonly available: string;
}

/** What a rehearsal of another Postgres image found; it throws unless that serves the copy as the old one did. */
export interface PostgresRehearsal {
  readonly copySeconds: number;
  readonly startSeconds: number;
  /** What `select version()` says. */
  readonly version: string;
  readonly newerExtensions: readonly NewerExtension[];
}

/** Images of a rehearsal, and the restore point it copies from; without one Letta's database is copied as it is now. */
export interface PostgresRehearsalOptions {
  readonly from: string;
  readonly to: string;
  readonly point?: string | undefined;
}

/** @throws UserError when the image is of another major version, whose files are not those of this one */
export async function requireSameMajor(deps: Deps, { from, to }: PostgresRehearsalOptions): Promise<void> {
  const [old, wanted] = [await majorOf(deps, from), await majorOf(deps, to)];
  if (old === wanted) return;
  throw new UserError(
    `${to} is Postgres ${wanted}, the data is of Postgres ${old}`,
    "another major version takes the data over by dump and restore: letta adopt, into a stack that has it",
  );
}

/**
 * Starts the new image on a copy of the data, and compares what it reads with what the old one read.
 *
 * @throws UserError when it does not start, lacks a library, or reads something else
 */
export async function rehearsePostgres(
  deps: Deps,
  site: UpgradeSite,
  options: PostgresRehearsalOptions,
): Promise<PostgresRehearsal> {
  await requireSameMajor(deps, options);
  await removeRehearsal(deps, site.prefix);
  try {
    return await compareImages(deps, site, options);
  } finally {
    await removeRehearsal(deps, site.prefix);
  }
}

async function compareImages(
  deps: Deps,
  site: UpgradeSite,
  options: PostgresRehearsalOptions,
): Promise<PostgresRehearsal> {
  const { postgres } = rehearsalNames(site.prefix);
  const place: Place = { container: postgres, database: "letta" };
  const begun = Date.now();
  await makeCopy(deps, site, { postgres: options.from, point: options.point });
  const copySeconds = (Date.now() - begun) / 1000;
  const before = await takeInventory(deps, place);
  // A clean shutdown: two versions must not share what one has not written down.
  await deps.engine.dockerOutput(["stop", "--time", "120", postgres]);
  await deps.engine.dockerOutput(["rm", "--volumes", postgres]);
  const restarted = Date.now();
  await startCopy(deps, site, options.to);
  const startSeconds = (Date.now() - restarted) / 1000;
  await loadLibraries(deps, place);
  const found = differences(before, await takeInventory(deps, place), { exact: true });
  if (found.length > 0)
    throw new UserError(`the new Postgres reads something else:\n    ${found.slice(0, 10).join("\n    ")}`);
  const version = await queryJson<string>(deps, place, "select to_json(version())");
  return { copySeconds, startSeconds, version, newerExtensions: await queryJson(deps, place, newerQuery) };
}

/** Every library that a function of the database is in: one that the image lacks is otherwise missed at the first call. */
async function loadLibraries(deps: Deps, { container, database }: Place): Promise<void> {
  const libraries = "select distinct probin from pg_proc where probin is not null";
  await psql(deps, container, `select format('load %L', probin) from (${libraries}) l \\gexec\n`, database);
}

const newerQuery = `
select coalesce(json_agg(json_build_object('name', name, 'installed', installed_version, 'available', default_version)), '[]')
from pg_available_extensions where installed_version <> default_version`;

/** A rehearsal, as lines for a person. */
export function renderPostgresRehearsal(rehearsal: PostgresRehearsal): string[] {
  const { copySeconds, startSeconds, version, newerExtensions } = rehearsal;
  return [
    `rehearsed on a copy made in ${copySeconds.toFixed(1)} s: ${version.split(" on ")[0]} served it after ${startSeconds.toFixed(1)} s, and reads the same`,
    ...newerExtensions.map(
      ({ name, installed, available }) =>
        `  extension ${name} stays at ${installed}; for ${available} run in each database: alter extension "${name}" update`,
    ),
  ];
}
