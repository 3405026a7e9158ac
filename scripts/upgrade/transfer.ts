import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { createDatabase, identifier, inPostgres, literal, psql } from "../lib/psql.ts";
import { type Place, queryJson } from "./inventory.ts";

/** An extension of a database. */
interface Extension {
  readonly name: string;
  readonly schema: string;
}

/** Where a dump comes from. */
export interface Source {
  /** The database's extensions and settings are asked here. */
  readonly place: Place;
  /** Arguments of the Docker CLI before those of pg_dump itself; its version must be the target's. */
  readonly dump: readonly string[];
}

/** A dump that says nothing of owners and rights, which are those of the new place, and of extensions, which only a superuser makes. */
export const dumpOptions = [
  ...["--format", "custom", "--compress", "none", "--no-owner", "--no-privileges"],
  ...["--exclude-extension", "*", "--no-publications", "--no-subscriptions"],
] as const;

/**
 * Copies a database by dump and restore into one that is made for it; the data passes through no file.
 *
 * @param role owns the new database and all in it
 * @throws UserError with what pg_dump or pg_restore said
 */
export async function transfer(deps: Deps, source: Source, to: Place, role: string): Promise<void> {
  await createDatabase(deps, to.container, to.database, role);
  await makeExtensions(deps, source.place, to, role);
  const restore = inPostgres(to.container, "pg_restore", "--exit-on-error", "--no-owner", "--role", role, "--dbname");
  const { exitCode, stderr } = await deps.$({ nothrow: true })`
    docker ${source.dump} ${dumpOptions} --dbname ${source.place.database} | docker ${[...restore, to.database]}`;
  if (exitCode === 0) return;
  const lines = stderr.trim().split("\n").slice(-8);
  throw new UserError(
    `database ${source.place.database} could not be copied:${lines.map((line) => `\n    ${line}`).join("")}`,
  );
}

async function makeExtensions(deps: Deps, from: Place, to: Place, role: string): Promise<void> {
  const extensions = await queryJson<Extension[]>(deps, from, extensionsQuery);
  const statements = extensions.flatMap(({ name, schema }) => [
    `create schema if not exists ${identifier(schema)} authorization ${identifier(role)};`,
    `create extension if not exists ${identifier(name)} schema ${identifier(schema)};`,
  ]);
  await psql(deps, to.container, statements.join("\n"), to.database);
}

const extensionsQuery = `
select coalesce(json_agg(json_build_object('name', extname, 'schema', nspname) order by extname), '[]')
from pg_extension join pg_namespace n on n.oid = extnamespace where extname <> 'plpgsql'`;

/** Makes a role that may log in, where there is none of that name. */
export async function requireRole(deps: Deps, container: string, role: string): Promise<void> {
  const known = await psql(deps, container, `select 1 from pg_roles where rolname = ${literal(role)}`);
  if (known.length === 0) await psql(deps, container, `create role ${identifier(role)} login`);
}
