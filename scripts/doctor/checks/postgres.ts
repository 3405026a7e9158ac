import { identifier } from "../../lib/psql.ts";
import { databasesOf } from "../../lib/stacks.ts";
import type { Check, Finding } from "../check.ts";
import { lettaOf, type Patient } from "../patient.ts";

/** Postgres and the databases in it. */
export const postgresChecks: readonly Check[] = [
  {
    id: "schema",
    title: "Letta's database has the schema of the version that runs.",
    why: "A server on another schema fails in places that need the difference.",
    fix: "`make migrate`",
    needs: ["postgres", "state"],
    find: schema,
  },
  {
    id: "indexes",
    title: "Every index is valid.",
    why: "Postgres does not use an invalid index, and still maintains it. An interrupted migration leaves one.",
    fix: "`make doctor FIX=1`",
    needs: ["postgres", "state"],
    find: (patient) => inDatabases(patient, indexes),
  },
  {
    id: "extensions",
    title: "Every extension has the version of its installed files.",
    why: "Fixes of an extension, such as pgvector's, take effect only after its update in each database.",
    fix: "`make doctor FIX=1`",
    needs: ["postgres", "state"],
    find: (patient) => inDatabases(patient, extensions),
  },
  {
    id: "collations",
    title: "Every database was sorted by the C library that runs.",
    why: "Text indexes sorted by another version may miss rows and accept duplicates.",
    fix: "reindex the database, then refresh its collation version",
    needs: ["postgres"],
    find: collations,
  },
  {
    id: "connections",
    title: "Less than 80 % of Postgres' and of each login's connections are in use.",
    why: "Beyond the limit a login is refused: “too many connections”.",
    fix: "`make projects`",
    needs: ["postgres"],
    find: connections,
  },
  {
    id: "transactions",
    title: "No session keeps a transaction open for 10 minutes without working.",
    why: "It keeps Postgres from removing old rows, and may hold locks that others wait for.",
    fix: "restart the container that opened it",
    needs: ["postgres"],
    find: transactions,
  },
];

async function schema(patient: Patient): Promise<Finding[]> {
  const { schemaVersion } = lettaOf(patient);
  const [[found = "none"] = []] = await patient.rows("select version_num from alembic_version", "letta");
  if (found === schemaVersion) return [];
  return [{ severity: "error", problem: `the schema is ${found}, not ${schemaVersion}`, fix: "make migrate" }];
}

async function inDatabases(
  patient: Patient,
  find: (patient: Patient, database: string) => Promise<Finding[]>,
): Promise<Finding[]> {
  return (await Promise.all(databasesOf(lettaOf(patient)).map((database) => find(patient, database)))).flat();
}

async function indexes({ rows }: Patient, database: string): Promise<Finding[]> {
  // A build in progress is invalid too, and has a lock on its table.
  const sql = `select n.nspname, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not i.indisvalid and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)`;
  return (await rows(sql, database)).map(([space = "", name = ""]) => {
    const statement = `reindex index concurrently ${identifier(space)}.${identifier(name)}`;
    return {
      severity: "warning",
      problem: `index ${name} of database ${database} is not valid`,
      fix: "make doctor FIX=1",
      repair: () => rows(statement, database),
    };
  });
}

async function extensions({ rows }: Patient, database: string): Promise<Finding[]> {
  const sql = `select name, installed_version, default_version from pg_available_extensions
    where installed_version is distinct from default_version and installed_version is not null`;
  return (await rows(sql, database)).map(([name = "", installed, available]) => ({
    severity: "warning",
    problem: `extension ${name} of database ${database} is ${installed}; its files are ${available}`,
    fix: "`make doctor FIX=1`",
    repair: () => rows(`alter extension ${identifier(name)} update`, database),
  }));
}

async function collations({ rows }: Patient): Promise<Finding[]> {
  const sql = `select datname, datcollversion, pg_database_collation_actual_version(oid) from pg_database
    where datallowconn and datcollversion is distinct from pg_database_collation_actual_version(oid)`;
  return (await rows(sql)).map(([name = "", made, now]) => ({
    severity: "warning",
    problem: `database ${name} was sorted by version ${made} of its collation; ${now} runs`,
    fix: `reindex database ${name}; alter database ${name} refresh collation version; (docker exec -it … psql -U postgres -d ${name})`,
  }));
}

async function connections({ rows }: Patient): Promise<Finding[]> {
  const sql = `select 'Postgres', count(*), current_setting('max_connections')::int from pg_stat_activity
    where backend_type = 'client backend' union all
    select 'role ' || rolname, count(pid), rolconnlimit from pg_roles left join pg_stat_activity on usesysid = pg_roles.oid
    where rolconnlimit > 0 group by rolname, rolconnlimit`;
  const used = (await rows(sql)).map(([who = "", open, limit]) => ({ who, open: Number(open), limit: Number(limit) }));
  return used
    .filter(({ open, limit }) => open >= limit * 0.8)
    .map(({ who, open, limit }) => ({
      severity: open >= limit ? "error" : "warning",
      problem: `${who} has ${open} of ${limit} connections open`,
      fix: "make projects shows whose they are",
    }));
}

async function transactions({ rows }: Patient): Promise<Finding[]> {
  const sql = `select datname, usename, coalesce(client_addr::text, 'the container'), extract(epoch from now() - state_change)::int / 60
    from pg_stat_activity where state like 'idle in transaction%' and state_change < now() - interval '10 minutes'`;
  return (await rows(sql)).map(([database, role, address, minutes]) => ({
    severity: "warning",
    problem: `role ${role} at ${address} keeps a transaction open in database ${database} for ${minutes} min`,
    fix: "make projects shows whose address it is; restart that container",
  }));
}
