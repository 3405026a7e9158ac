import type pg from "pg";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { UserError } from "../lib/errors.ts";
import { adminRole, withPostgres } from "../lib/postgres/connect.ts";
import {
  advisoryLock,
  closeOthers,
  type DatabaseLogin,
  endSessions,
  lockTimeout,
  provisionDatabase,
  type RoleLimits,
  rolesOf,
  template,
  type WantedDatabase,
} from "../lib/postgres/provision.ts";
import { hasContent, isCatalogueCurrent } from "../lib/postgres/provision-check.ts";
import { asSuperuser, contentScript, superuserScript } from "../lib/postgres/superuser.ts";

/** Inputs of a Databases resource. */
export interface DatabaseInputs {
  readonly host: string;
  readonly port: number;
  /** Docker name of Postgres' container. */
  readonly container: string;
  readonly adminPassword: string;
  readonly databases: WantedDatabase[];
  readonly limits: RoleLimits;
  readonly extensions: string[];
  /** Databases of other resources. When given, the roles of any further database can no longer log in. */
  readonly others?: string[];
}

const place = ["host", "port", "container"] as const;
/** How many databases are checked at a time. */
const sessions = 4;

/**
 * Databases, each owned by its own roles: created when missing, otherwise brought to the wanted state.
 *
 * It never drops anything: a database that is no longer wanted is kept for the day it is wanted again. A changed password
 * takes effect for new connections, without a restart. One resource has all of them, as each resource slows every update.
 */
const provider = convergingProvider<DatabaseInputs, object>({
  id: () => "databases",
  isCurrent: async (olds, news) =>
    haveSame(olds, news, [...place, "adminPassword", "databases", "limits", "extensions", "others"]) &&
    (await isProvisioned(news)),
  ensure,
});
export default provider;

async function isProvisioned(inputs: DatabaseInputs): Promise<boolean> {
  try {
    if (!(await asAdmin(inputs, (client) => isCatalogueCurrent(client, inputs)))) return false;
    const logins = inputs.databases.flatMap(({ name, logins }) => logins.map((login) => ({ name, login })));
    const found = await few(logins, ({ name, login }) => hasContent(inputs, name, login));
    return found.every((isThere) => isThere);
  } catch {
    // The update reports what kept a role out better than a diff can.
    return false;
  }
}

async function ensure(inputs: DatabaseInputs): Promise<void> {
  const { container, databases, extensions } = inputs;
  const names = databases.map(({ name }) => name);
  await asSuperuser(container, superuserScript(names, inputs.adminPassword));
  await asAdmin(inputs, async (client) => {
    await client.query("select pg_advisory_lock($1)", [advisoryLock]);
    await client.query(lockTimeout);
    await asSuperuser(container, contentScript(extensions), template);
    const failures: string[] = [];
    for (const database of databases) {
      try {
        await ensureDatabase(client, inputs, database);
      } catch (error) {
        // What one project did to its database must not affect the others.
        failures.push(`database ${database.name}: ${(error as Error).message}`);
      }
    }
    if (inputs.others !== undefined) await closeOthers(client, [...names, ...inputs.others]);
    if (failures.length === 0) return;
    const fix = `docker exec -it ${container} psql -U postgres, then \`make letta-start\``;
    throw new UserError(`some databases could not be set up:\n    ${failures.join("\n    ")}`, fix);
  });
}

async function ensureDatabase(client: pg.Client, inputs: DatabaseInputs, database: WantedDatabase): Promise<void> {
  const { name, logins } = database;
  const outdated: string[] = [];
  for (const login of logins) if (await hasOtherPassword(inputs, name, login)) outdated.push(login.role);
  await provisionDatabase(client, database, inputs.limits);
  const closed = rolesOf(name).filter((role) => !logins.some((login) => login.role === role));
  await endSessions(client, [...closed, ...outdated]);
  await ensureContent(inputs, database);
}

async function hasOtherPassword(inputs: DatabaseInputs, database: string, login: DatabaseLogin): Promise<boolean> {
  try {
    await hasContent(inputs, database, login);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "28P01";
  }
}

async function ensureContent(inputs: DatabaseInputs, { name, logins }: WantedDatabase): Promise<void> {
  const [login] = logins;
  if (login === undefined || (await hasContent(inputs, name, login))) return;
  await asSuperuser(inputs.container, contentScript(inputs.extensions), name);
}

function asAdmin<Result>(
  { host, port, adminPassword }: DatabaseInputs,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  return withPostgres({ host, port, user: adminRole, password: adminPassword, database: "postgres" }, work);
}

/** Works on each item, {@link sessions} at a time. @throws the first error, once the others have ended */
async function few<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  const ended = await Promise.allSettled(Array.from({ length: sessions }, worker));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  return results;
}
