import { createDatabase } from "../lib/databases.ts";
import type { Deps } from "../lib/deps.ts";
import { identifier, inPostgres, literal, psql } from "../lib/psql.ts";
import { differences, type Inventory, type Place, queryJson, requireNone, takeInventory } from "./check.ts";

/** Without owners and rights, which are those of the new place, and extensions, which only a superuser makes. */
export const dumpOptions = [
  ...["--format", "custom", "--compress", "none", "--no-owner", "--no-privileges"],
  ...["--exclude-extension", "*", "--no-publications", "--no-subscriptions"],
];

/**
 * Copies a database from one Postgres into a new one of another; the data passes through no file.
 *
 * @param options owner of the new database, and an image with a pg_dump of the target's version
 * @returns what it holds @throws UserError when a program fails, or the copy differs
 */
export async function copyDatabase(
  deps: Deps,
  from: Place,
  to: Place,
  { owner, image }: { owner: string; image: string },
): Promise<Inventory> {
  await createDatabase(deps, to.container, to.database, owner);
  await copyExtensions(deps, from, to, owner);
  const dump = [
    ...["run", "--rm", "-i", "--network", `container:${from.container}`, "--entrypoint", "pg_dump", image],
    ...["--host", "127.0.0.1", "--username", "postgres", ...dumpOptions, "--dbname", from.database],
  ];
  const options = ["--no-owner", "--role", owner, "--dbname", to.database];
  const restore = inPostgres(to.container, "pg_restore", ...options);
  const { exitCode, stderr } = await deps.$({ nothrow: true })`docker ${dump} | docker ${restore}`;
  const problem = `database ${from.database} could not be copied`;
  requireNone(exitCode === 0 ? [] : errorsOf(stderr), problem);
  await copySearchPath(deps, from, to);
  const before = await takeInventory(deps, from);
  requireNone(differences(before, await takeInventory(deps, to), { exact: true }), problem);
  return before;
}

/** The lines of a failure, but for the schema of an extension, which is there before the dump makes it. */
export function errorsOf(stderr: string): string[] {
  const lines = stderr.trim().split("\n");
  const errors = lines.filter((line) => / error: /.test(line) && !/schema "[^"]+" already exists/.test(line));
  return errors.length === 0 && /errors ignored on restore/.test(stderr) ? [] : lines.slice(-8);
}

/** Gives a new database the extensions of another one, in the schemas that they have there. */
export async function copyExtensions(deps: Deps, from: Place, to: Place, owner: string): Promise<void> {
  const extensions = await queryJson<{ name: string; schema: string }[]>(deps, from, extensionsQuery);
  const statements = extensions.flatMap(({ name, schema }) => [
    `create schema if not exists ${identifier(schema)} authorization ${identifier(owner)};`,
    `create extension if not exists ${identifier(name)} schema ${identifier(schema)};`,
  ]);
  await psql(deps, to.container, statements.join("\n"), to.database);
}

const extensionsQuery = `
select coalesce(json_agg(json_build_object('name', extname, 'schema', nspname) order by extname), '[]')
from pg_extension join pg_namespace n on n.oid = extnamespace where extname <> 'plpgsql'`;

/** Upstream's compose file puts Letta's tables in a separate schema, which the database's search path names. */
async function copySearchPath(deps: Deps, from: Place, to: Place): Promise<void> {
  const setting = `select substr(s, 13) from pg_db_role_setting, unnest(setconfig) s
    where setdatabase = (select oid from pg_database where datname = ${literal(from.database)}) and setrole = 0
      and starts_with(s, 'search_path=')`;
  const [path] = await psql(deps, from.container, setting);
  if (path !== undefined)
    await psql(deps, to.container, `alter database ${identifier(to.database)} set search_path = ${path}`);
}
