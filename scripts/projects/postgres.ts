import { databaseNames } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import type { ProjectsSite } from "./site.ts";

/** A client's session. */
export interface Session {
  /** The role that logged in. */
  readonly role: string;
  /** Null over the socket. */
  readonly address: string | null;
  readonly application: string;
  /** Neither in a statement nor in a transaction. */
  readonly isIdle: boolean;
}

/** What Postgres knows about its databases, roles and clients. */
export interface PostgresPicture {
  readonly databases: readonly { readonly name: string; readonly owner: string; readonly bytes: number }[];
  /** Role -> number of connections that it may hold; -1: no limit. */
  readonly limits: Readonly<Record<string, number>>;
  readonly sessions: readonly Session[];
}

const question = `select jsonb_build_object(
  'databases', (select coalesce(jsonb_agg(jsonb_build_object('name', datname, 'owner', pg_get_userbyid(datdba),
    'bytes', pg_database_size(oid))), '[]') from pg_database where not datistemplate),
  'limits', (select coalesce(jsonb_object_agg(rolname, rolconnlimit), '{}') from pg_roles where rolcanlogin),
  'sessions', (select coalesce(jsonb_agg(jsonb_build_object('role', usename, 'address', host(client_addr),
    'application', application_name, 'isIdle', state is not distinct from 'idle') order by pid), '[]') from pg_stat_activity
    where backend_type = 'client backend' and usename is not null and pid <> pg_backend_pid()))`;

/** @throws UserError when Postgres does not answer */
export async function readPostgres(
  deps: Deps,
  { containers }: Pick<ProjectsSite, "containers">,
): Promise<PostgresPicture> {
  const lines = await psql(deps, containers.postgres, question.replace(/\s+/g, " "));
  return JSON.parse(lines.join("")) as PostgresPicture;
}

/** The sessions of some roles. */
export function sessionsOf({ sessions }: Pick<PostgresPicture, "sessions">, roles: readonly string[]): Session[] {
  return sessions.filter(({ role }) => roles.includes(role));
}

/** Projects that the config no longer has, and whose databases are kept; a project's database has its owner's name. */
export function retiredProjects({ databases }: PostgresPicture, projects: readonly string[]): string[] {
  const others = ["postgres", ...databaseNames(projects)];
  return databases.filter(({ name, owner }) => name === owner && !others.includes(name)).map(({ name }) => name);
}
