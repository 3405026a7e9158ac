import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import type { Operation } from "../lib/operation.ts";
import { identifier, literal, psql } from "../lib/psql.ts";
import { countDatabase } from "../lib/rows.ts";
import { differences } from "./compare.ts";
import { type Inventory, type Place, queryJson, takeInventory } from "./inventory.ts";
import { adoptionNames } from "./old-cluster.ts";
import type { UpgradeSite } from "./site.ts";
import { requireRole, transfer } from "./transfer.ts";

/** An adoption that is under way. Up to `copy` the stack is as it was; from `switch` on it has the adopted databases, or goes back. */
export interface AdoptionOperation extends Operation {
  readonly kind: "letta-adopt";
  readonly phase: "copy" | "switch" | "open" | "return";
  readonly volume: string;
  readonly databases: readonly string[];
  /** What the old database of Letta holds; undefined when none is among them. */
  readonly before?: Inventory;
  readonly problem?: string;
}

/** Names of a database that is being adopted, and of the one whose place it takes. */
export function adoptedNames({ id }: Pick<Operation, "id">, database: string) {
  return { adopted: `${database}_adopted_${id}`, replaced: `${database}_before_${id}` } as const;
}

/** What is compared of a database beside its rows. */
interface Shape {
  readonly extensions: readonly string[];
  /** Sequence -> last value. */
  readonly sequences: Readonly<Record<string, number | null>>;
}

/** Copies one database of the old cluster beside the stack's own of that name, and compares the two. */
export async function adoptDatabase(
  deps: Deps,
  site: UpgradeSite,
  operation: AdoptionOperation,
  { database, image }: { database: string; image: string },
): Promise<void> {
  const old = adoptionNames(site.prefix).postgres;
  const from: Place = { container: old, database };
  const to: Place = { container: site.names.postgres, database: adoptedNames(operation, database).adopted };
  const client = ["run", "--rm", "-i", "--network", `container:${old}`, "--entrypoint", "pg_dump", image];
  await requireRole(deps, to.container, database);
  await transfer(
    deps,
    { place: from, dump: [...client, "--host", "127.0.0.1", "--username", "postgres"] },
    to,
    database,
  );
  await copySearchPath(deps, from, to);
  const found = await differencesOf(deps, from, to);
  if (found.length === 0) return;
  throw new UserError(
    `the copy of database ${database} is not as the original:\n    ${found.slice(0, 20).join("\n    ")}`,
  );
}

/** Upstream's own compose file has Letta's tables in a schema of its own, which the database's search path names. */
async function copySearchPath(deps: Deps, from: Place, to: Place): Promise<void> {
  const setting = `select substr(s, 13) from pg_db_role_setting, unnest(setconfig) s
    where setdatabase = (select oid from pg_database where datname = ${literal(from.database)}) and setrole = 0
      and starts_with(s, 'search_path=')`;
  const [path] = await psql(deps, from.container, setting);
  if (path !== undefined)
    await psql(deps, to.container, `alter database ${identifier(to.database)} set search_path = ${path}`);
}

async function differencesOf(deps: Deps, from: Place, to: Place): Promise<string[]> {
  const [rowsFrom, rowsTo] = [await rowsOf(deps, from), await rowsOf(deps, to)];
  const [shapeFrom, shapeTo] = [await shapeOf(deps, from), await shapeOf(deps, to)];
  return [
    ...differing("table", rowsFrom, rowsTo, "rows"),
    ...differing("sequence", shapeFrom.sequences, shapeTo.sequences, ""),
    ...shapeFrom.extensions
      .filter((name) => !shapeTo.extensions.includes(name))
      .map((name) => `extension ${name}: missing`),
    ...(from.database === "letta"
      ? differences(await takeInventory(deps, from), await takeInventory(deps, to), { exact: true })
      : []),
  ];
}

const rowsOf = (deps: Deps, { container, database }: Place) => countDatabase(deps, container, database);

function differing(
  what: string,
  from: Readonly<Record<string, number | null>>,
  to: Readonly<Record<string, number | null>>,
  unit: string,
): string[] {
  return Object.keys({ ...from, ...to })
    .filter((name) => from[name] !== to[name])
    .map((name) =>
      `${what} ${name}: ${from[name] ?? "none"} ${unit} -> ${to[name] ?? "none"} ${unit}`.replace(/ +/g, " ").trim(),
    );
}

function shapeOf(deps: Deps, place: Place): Promise<Shape> {
  return queryJson<Shape>(
    deps,
    place,
    `select json_build_object(
       'extensions', (select json_agg(extname order by extname) from pg_extension),
       'sequences', (select coalesce(json_object_agg(schemaname || '.' || sequencename, last_value), '{}') from pg_sequences))`,
  );
}

/** @throws UserError when the stack's Postgres lacks an extension that one of the databases has */
export async function requireExtensions(deps: Deps, site: UpgradeSite, databases: readonly string[]): Promise<void> {
  const available = await psql(deps, site.names.postgres, "select name from pg_available_extensions");
  const old = adoptionNames(site.prefix).postgres;
  for (const database of databases) {
    const { extensions } = await shapeOf(deps, { container: old, database });
    const missing = extensions.filter((name) => !available.includes(name));
    if (missing.length > 0) {
      throw new UserError(`database ${database} has extensions that the stack's Postgres lacks: ${missing.join(", ")}`);
    }
  }
}
