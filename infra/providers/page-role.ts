import pg from "pg";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { scramVerifier, withPostgres } from "../lib/postgres/connect.ts";
import { asSuperuser } from "../lib/postgres/superuser.ts";

/** Inputs of the PageRole resource. */
export interface PageRoleInputs {
  readonly host: string;
  readonly port: number;
  /** Docker name of Postgres' container. */
  readonly container: string;
  readonly role: string;
  readonly password: string;
  /** The database whose tables it counts. */
  readonly database: string;
  /** Table -> columns that it may read, where Letta has them. */
  readonly columns: Readonly<Record<string, string[]>>;
  /** Databases whose size it may ask for. It cannot log in to them: pg_hba.conf wants membership for that. */
  readonly sizesOf: string[];
}

const { escapeIdentifier: identifier, escapeLiteral: literal } = pg;

/** A role in Postgres that may read a few columns and the sizes of databases; what it was given stays when it is gone. */
const provider = convergingProvider<PageRoleInputs, object>({
  id: ({ role }) => role,
  isCurrent: async (olds, news) =>
    haveSame(olds, news, ["container", "role", "password", "database", "columns", "sizesOf"]) &&
    (await hasRights(news)),
  async ensure(inputs) {
    await asSuperuser(inputs.container, roleScript(inputs));
    await asSuperuser(inputs.container, columnScript(inputs), inputs.database);
  },
});
export default provider;

/** Not by the provisioning role: a login that it made and no database wants is one that it closes. */
function roleScript({ role, password, database, sizesOf }: PageRoleInputs): string {
  const name = identifier(role);
  return `
select ${literal(`create role ${name}`)} where not exists (select from pg_roles where rolname = ${literal(role)}) \\gexec
alter role ${name} with login nosuperuser nocreatedb nocreaterole noinherit noreplication nobypassrls
  connection limit 4 password ${literal(scramVerifier(password))} valid until 'infinity';
alter role ${name} set default_transaction_read_only = on;
alter role ${name} set statement_timeout = '30s';
alter role ${name} set search_path = pg_catalog;
-- pg_hba.conf lets the members of a database's role in. This membership gives nothing else.
grant ${identifier(database)} to ${name} with admin false, inherit false, set false;
grant connect on database ${sizesOf.map(identifier).join(", ")} to ${name};
`;
}

function columnScript({ role, database, columns }: PageRoleInputs): string {
  return `
select format('grant usage on schema %1$I to %2$I', nspname, ${literal(role)}),
    format('alter role %I in database %I set search_path = pg_catalog, %I', ${literal(role)}, ${literal(database)}, nspname)
  from pg_namespace where oid = ${schemaOfLetta} \\gexec
select format('grant select (%I) on %I.%I to %I', attname, nspname, relname, ${literal(role)})
  from ${columnsOf(columns)} \\gexec
`;
}

/** SQL: the schema with Letta's tables, which in an adopted database may be another than public. */
const schemaOfLetta = "(select relnamespace from pg_class where relname = 'alembic_version' order by oid desc limit 1)";

/** SQL: the columns that exist, as rows of `pg_attribute` and `pg_class`. */
function columnsOf(columns: PageRoleInputs["columns"]): string {
  const wanted = Object.entries(columns).flatMap(([table, names]) =>
    names.map((column) => `(${literal(table)}, ${literal(column)})`),
  );
  return `pg_attribute join pg_class on attrelid = pg_class.oid join pg_namespace on relnamespace = pg_namespace.oid
  where relnamespace = ${schemaOfLetta} and not attisdropped and (relname, attname) in (${wanted.join(", ")})`;
}

async function hasRights({ host, port, role, password, database, columns, sizesOf }: PageRoleInputs): Promise<boolean> {
  const query = `select
    (select bool_and(has_column_privilege(attrelid, attnum, 'select') and pg_table_is_visible(attrelid))
      from ${columnsOf(columns)})
    and (select bool_and(has_database_privilege(oid, 'connect')) from pg_database where datname = any($1)) as good`;
  try {
    const { rows } = await withPostgres({ host, port, user: role, password, database }, (client) =>
      client.query<{ good: boolean }>(query, [sizesOf]),
    );
    return rows[0]?.good === true;
  } catch {
    // The update reports what kept the role out better than a diff can.
    return false;
  }
}
