import type { TLSSocket } from "node:tls";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import type { DatabaseLogin } from "../../infra/lib/postgres/provision.ts";
import provider, { type DatabaseInputs } from "../../infra/providers/database.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { exportedState, inTheOpen } from "../support/secrets.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type ContainerIdentity, succeeded } from "../support/stacks.ts";

/** What the client of Postgres keeps of its connection. */
interface Wire {
  readonly connection: { readonly stream: TLSSocket };
}

const stacks = sharedStacks();
let letta: LettaStack;
let containers: Record<string, ContainerIdentity>;
let inputs: DatabaseInputs;

/** Adds a project, and another one whose database and role exist already, with data and another password. */
beforeAll(async () => {
  containers = await everything();
  await stacks.psql(`create role adopted login superuser password 'made by hand'; grant pg_read_all_data to adopted`);
  await stacks.psql("create database adopted");
  await stacks.psql("create table notes (text text); insert into notes values ('older than the stack')", "adopted");
  await stacks.psql("alter table notes owner to adopted", "adopted");
  stacks.configure(stacks.letta, { projects: ["thoth", "second", "adopted"] });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
  inputs = await databaseInputs();
});

afterAll(async () => {
  stacks.configure(stacks.letta, { projects: ["thoth"] });
  await stacks.up(stacks.letta);
  for (const project of ["second", "adopted"]) {
    await stacks.psql(`drop database ${project} with (force)`);
    await stacks.psql(`drop role if exists "${project}-b"; drop role ${project}`);
  }
});

const url = (project: string, database = project) => {
  const target = new URL(letta.projects[project]?.hostDatabaseUrl ?? letta.hostDatabaseUrl);
  target.pathname = database;
  return target.href;
};
const rows = <Row extends pg.QueryResultRow>(target: string, sql: string): Promise<Row[]> =>
  withPostgres(target, async (client) => (await client.query<Row>(sql)).rows);

/** All containers of both stacks. */
const everything = async (): Promise<Record<string, ContainerIdentity>> => ({
  ...(await stacks.containers(stacks.letta)),
  ...(await stacks.containers(stacks.thoth)),
});
const expectNoRestart = async () => expect(await everything()).toEqual(containers);

/** The resource of the projects' databases as its provider sees it, with its secrets in the open. */
async function databaseInputs(): Promise<DatabaseInputs> {
  const { deployment } = await exportedState(stacks, stacks.letta);
  const found = deployment.resources.find(({ urn }) => urn.endsWith("::databases-projects"));
  return inTheOpen(found?.inputs) as DatabaseInputs;
}
const isCurrent = async () => !(await provider.diff?.("databases", inputs, inputs))?.changes;
const provisionAgain = () => provider.update?.("databases", inputs, inputs);

/** SQLSTATE of a refusal by pg_hba.conf, for a wrong password, for a missing right. */
const refused = { byRule: { code: "28000" }, password: { code: "28P01" }, right: { code: "42501" } } as const;
/** SQLSTATEs that ended a client's session, added as it happens; 57P01 is an administrator's. */
function endsOf(client: pg.Client): (string | undefined)[] {
  const ends: (string | undefined)[] = [];
  client.on("error", (error) => ends.push((error as { code?: string }).code));
  return ends;
}
/** Why psql over TCP in Postgres' container is refused; undefined when it is not. */
async function overTcp(uri: string): Promise<string | undefined> {
  const container = `${stacks.letta}-postgres`;
  const psql = ["psql", "--no-psqlrc", "-qtAd", uri, "-c", "select 1"];
  const { exitCode, stderr } = await stacks.engine(["exec", container, ...psql]);
  return exitCode === 0 ? undefined : stderr;
}

describe("a project that is added", () => {
  test("restarts no container", expectNoRestart);

  test.each(["letta", "thoth", "adopted", "postgres", "template1", "project-template"])(
    "may not enter database %s, and has no right to it",
    async (database) => {
      await expect(rows(url("second", database), "select 1")).rejects.toMatchObject(refused.byRule);
      const right = `select has_database_privilege('second', '${database}', 'connect') as may`;
      expect(await rows(url("second"), right)).toEqual([{ may: false }]);
    },
  );

  test("has a database that the others may not enter", async () => {
    for (const other of ["thoth", "letta", "adopted"]) {
      await expect(rows(url(other, "second"), "select 1")).rejects.toMatchObject(refused.byRule);
    }
  });

  test("has none of Postgres' privileges", async () => {
    const rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls";
    const [role] = await rows(url("second"), `select ${rights} from pg_roles where rolname = 'second'`);
    expect(new Set(Object.values(role ?? {}))).toEqual(new Set([false]));
  });

  test.each([
    "create database third",
    "create role third",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/second'",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "select pg_ls_dir('.')",
    "alter system set log_statement = 'all'",
    "select rolpassword from pg_authid",
    "set role thoth",
    "set session authorization postgres",
    "grant letta_admin to second",
    "alter role thoth password 'x'",
    "alter database thoth owner to second",
    "create extension dblink",
    "create event trigger spy on ddl_command_end execute function now()",
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'letta'",
  ])("may not %s", async (sql) => {
    await expect(rows(url("second"), sql)).rejects.toMatchObject(refused.right);
  });

  test("has time limits that a session may change", async () => {
    const show =
      "select current_setting('statement_timeout') s, current_setting('idle_in_transaction_session_timeout') i";
    expect(await rows(url("second"), show)).toEqual([{ s: "5min", i: "1min" }]);
    await withPostgres(url("second"), async (client) => {
      await client.query("set statement_timeout = 0");
      expect((await client.query(show)).rows).toEqual([{ s: "0", i: "1min" }]);
    });
    expect(await rows(url("letta"), show)).toEqual([{ s: "0", i: "0" }]);
  });

  test("owns its database, and has vectors and uuids in it", async () => {
    await rows(url("second"), "create table papers (id uuid default uuid_generate_v4(), embedding vector(3))");
    await rows(url("second"), "insert into papers (embedding) values ('[1,0,0]'), ('[0,1,0]')");
    const nearest = "select id, embedding::text from papers order by embedding <-> '[0,0.9,0]' limit 1";
    expect(await rows(url("second"), nearest)).toEqual([{ id: expect.any(String), embedding: "[0,1,0]" }]);
  });

  test("may hold thirty connections and no more, and leaves the others theirs", async () => {
    const [first, ...others] = Array.from(
      { length: 31 },
      () => new pg.Client({ connectionString: url("second"), ssl: { rejectUnauthorized: false } }),
    );
    await first?.connect();
    // A backend outlives its closed connection by a moment, and counts until it is gone.
    const ghosts = "select from pg_stat_activity where usename = 'second' and pid <> pg_backend_pid()";
    await vi.waitFor(async () => expect((await first?.query(ghosts))?.rowCount).toBe(0), { timeout: 120_000 });
    const connected = await Promise.allSettled(others.map((client) => client.connect()));
    for (const project of ["adopted", "thoth", "letta"]) {
      expect(await rows(url(project), "select 1 as one")).toEqual([{ one: 1 }]);
    }
    // Provisioning gets by without a connection of the project's.
    expect(await isCurrent()).toBe(true);
    const refused = connected.filter((result) => result.status === "rejected");
    await Promise.allSettled([first, ...others].map((client) => client?.end()));
    expect(refused.map(({ reason }) => reason.code)).toEqual(["53300"]);
  });
});

describe("a database and a role that were made by hand", () => {
  test("keep their data", async () => {
    expect(await rows(url("adopted"), "select text from notes")).toEqual([{ text: "older than the stack" }]);
  });

  test("get a generated password in place of the old one", async () => {
    const old = new URL(url("adopted"));
    old.password = "made by hand";
    await expect(rows(old.href, "select 1")).rejects.toMatchObject(refused.password);
  });

  test("lose the rights that a project's role must not have", async () => {
    expect(await rows(url("adopted"), "select rolsuper from pg_roles where rolname = 'adopted'")).toEqual([
      { rolsuper: false },
    ]);
    const member = "select pg_has_role('adopted', 'pg_read_all_data', 'member') as is";
    expect(await rows(url("adopted"), member)).toEqual([{ is: false }]);
  });

  test("get the usual extensions", async () => {
    expect(await rows(url("adopted"), "select '[1]'::vector, uuid_generate_v4()")).toHaveLength(1);
  });
});

describe("what was changed by hand", () => {
  test.each([
    ["a dropped extension", "second", 'drop extension "uuid-ossp" cascade'],
    // As after an update of Postgres' image.
    ["an older extension", "second", "update pg_extension set extversion = '1.0' where extname = 'uuid-ossp'"],
    [
      "a dropped role",
      "second",
      "reassign owned by second to postgres; drop owned by second; alter database second owner to postgres; drop role second",
    ],
    ["another password", "second", "alter role second password 'changed by hand'"],
    ["a right", "second", "alter role second createrole"],
    ["a membership", "second", "grant thoth to second"],
    ["no limit of time", "second", "alter role second reset statement_timeout"],
    ["a database that is open to all", "second", "grant connect on database second to public"],
    ["a database that takes no connection", "postgres", "alter database second allow_connections false"],
    ["a database that no dump would have", "second", "alter database second is_template true"],
    ["a database whose owner has no right to it", "second", "revoke all on database second from second"],
    ["no schema public", "second", "drop schema public cascade"],
    ["the owner of a database", "second", "alter database second owner to postgres"],
    ["another password of provisioning", "second", "alter role letta_admin password 'changed by hand'"],
  ])("is fixed by provisioning: %s", async (_name, database, sql) => {
    await stacks.psql(sql, database);
    expect(await isCurrent()).toBe(false);
    await provisionAgain();
    expect(await isCurrent()).toBe(true);
    expect(await rows(url("second"), "select uuid_generate_v4()")).toHaveLength(1);
    await expect(rows(url("second"), "create role third")).rejects.toMatchObject(refused.right);
    await expect(rows(url("second"), "set role thoth")).rejects.toMatchObject(refused.right);
    const owner = "select pg_get_userbyid(datdba) as owner from pg_database where datname = 'second'";
    expect(await rows(url("second"), owner)).toEqual([{ owner: "second" }]);
  });

  test("is fixed by the next up, which restarts nothing", async () => {
    await stacks.psql("alter role second createrole");
    await stacks.up(stacks.letta);
    await expect(rows(url("second"), "create role third")).rejects.toMatchObject(refused.right);
    succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.letta]));
    await expectNoRestart();
  });

  test("is not what stops provisioning: settings with which a project can no longer do anything", async () => {
    const own = (setting: string) => stacks.psql(`alter role second in database second ${setting}`);
    await own("set statement_timeout = 1");
    await own("set search_path = nowhere");
    try {
      await provisionAgain();
      expect(await isCurrent()).toBe(true);
    } finally {
      await own("reset all");
    }
  });
});

describe("over TCP", () => {
  const authority = "127.0.0.1:5432";
  const inContainer = (project: string, rest = "") => {
    const target = new URL(url(project));
    return `postgresql://${target.username}:${target.password}@${authority}/${project}${rest}`;
  };

  test("nobody connects without TLS", async () => {
    expect(await overTcp(inContainer("second"))).toBeUndefined();
    expect(await overTcp(inContainer("second", "?sslmode=disable"))).toContain("no encryption");
    await expect(new pg.Client({ connectionString: url("second") }).connect()).rejects.toMatchObject(refused.byRule);
  });

  test.each(["postgres", "second", "letta"])(
    "the superuser cannot enter database %s, whatever its password",
    async (name) => {
      await stacks.psql("alter role postgres password 'known to the test'");
      try {
        const uri = `postgresql://postgres:known to the test@${authority}/${name}`.replaceAll(" ", "%20");
        expect(await overTcp(uri)).toContain("pg_hba.conf rejects connection");
      } finally {
        await stacks.psql("alter role postgres password null");
      }
    },
  );

  test("a client with the authority's certificate can verify Postgres by each of its names", async () => {
    const [ca, { port }] = [await authorityCertificate(), new URL(url("second"))];
    for (const servername of ["letta-postgres", "localhost"]) {
      const client = new pg.Client({ connectionString: url("second"), ssl: { ca, servername } });
      await client.connect();
      await client.end();
    }
    const other = new pg.Client({ connectionString: url("second"), ssl: { ca, servername: "elsewhere" } });
    await expect(other.connect()).rejects.toThrow("Hostname/IP does not match");
    expect(Number(port)).toBeGreaterThan(0);
  });

  test("a new certificate serves the next session and ends none", async () => {
    const container = `${stacks.letta}-postgres`;
    const certificate = (client: pg.Client) => (client as unknown as Wire).connection.stream.getPeerX509Certificate();
    await withPostgres(url("second"), async (open) => {
      const renew = [container, "bash", "/usr/local/bin/postgres-certificate", "renew"];
      expect(await dockerOutput(["exec", ...renew])).toBe("");
      // Of so long a life less than a third is left.
      const said = await dockerOutput(["exec", "--env", "POSTGRES_CERTIFICATE_DAYS=300", ...renew]);
      expect(said).toContain("a new certificate for TLS");
      const serial = async () => withPostgres(url("second"), async (client) => certificate(client)?.serialNumber);
      await vi.waitFor(async () => expect(await serial()).not.toBe(certificate(open)?.serialNumber));
      expect((await open.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    });
    const client = new pg.Client({
      connectionString: url("second"),
      ssl: { ca: await authorityCertificate(), servername: "localhost" },
    });
    await client.connect();
    await client.end();
    const again = "rm $(dirname $PGDATA)/tls/server.pem; bash /usr/local/bin/postgres-certificate renew";
    await dockerOutput(["exec", container, "bash", "-c", again]);
  });

  const authorityCertificate = () =>
    dockerOutput(["exec", `${stacks.letta}-postgres`, "cat", "/var/lib/postgresql/data/tls/ca.crt"]);
});

describe("a rotation", () => {
  const [first, next, third] = ["first", "next", "third"].map((password) => `${password}-password-of-the-test`);
  /** The URL of a login with this role and password. */
  const as = (role: string, password = "") => {
    const target = new URL(url("second"));
    [target.username, target.password] = [role, password];
    return target.href;
  };
  const withLogins = (...logins: DatabaseLogin[]): DatabaseInputs => {
    const databases = inputs.databases.map((one) => (one.name === "second" ? { ...one, logins } : one));
    return { ...inputs, databases };
  };
  const allow = (...logins: DatabaseLogin[]) => provider.update?.("databases", inputs, withLogins(...logins));
  const owner = (password = "") => ({ role: "second", password });
  const other = { role: "second-b", password: next ?? "" };
  const owners = "select array_agg(distinct tableowner::text) as owners from pg_tables where tablename like 'made_%'";

  test("accepts old and new logins, then only the new, whose sessions and objects stay", async () => {
    await allow(owner(first));
    const [old, fresh] = [as("second", first), as("second-b", next)];
    await rows(old, "create table made_before (id serial)");
    await withPostgres(old, async (before) => {
      const ends = endsOf(before);
      await allow(other, owner(first));
      expect((await before.query("insert into made_before default values")).rowCount).toBe(1);
      expect(await rows(fresh, "select session_user::text, current_user::text")).toEqual([
        { session_user: "second-b", current_user: "second" },
      ]);
      await rows(old, "create table made_by_old ()");
      await rows(fresh, "create table made_by_new (); alter table made_by_old add column id int");
      expect(await rows(fresh, owners)).toEqual([{ owners: ["second"] }]);
      await expect(rows(fresh.replace(/second$/, "thoth"), "select 1")).rejects.toMatchObject(refused.byRule);
      await expect(rows(fresh, "create role third")).rejects.toMatchObject(refused.right);
      expect(await rows(fresh, "show statement_timeout")).toEqual([{ statement_timeout: "5min" }]);

      await withPostgres(fresh, async (open) => {
        await allow(other);
        await expect(rows(old, "select 1")).rejects.toMatchObject(refused.password);
        expect(ends).toContain("57P01");
        expect((await open.query("insert into made_before default values")).rowCount).toBe(1);
        const psql = ["psql", "-U", "second", "-d", "second", "-tAc", "select current_user"];
        const bySocket = await dockerOutput(["exec", `${stacks.letta}-postgres`, ...psql]);
        expect(bySocket, "in its container a role answers without a password").toBe("second\n");
        expect((await provider.diff?.("databases", withLogins(other), withLogins(other)))?.changes).toBe(false);

        await allow(owner(third), other);
        expect(await rows(as("second", third), owners)).toEqual([{ owners: ["second"] }]);
        expect((await open.query("insert into made_before default values")).rowCount).toBe(1);
        await expect(rows(old, "select 1")).rejects.toMatchObject(refused.password);
      });
    });
  });

  test("that skips the overlap ends the sessions of the previous password, though the role is the same", async () => {
    await allow(owner(third));
    await withPostgres(as("second", third), async (old) => {
      const ends = endsOf(old);
      await allow(owner(first));
      expect(await rows(as("second", first), "select 1 as one")).toEqual([{ one: 1 }]);
      await expect(rows(as("second", third), "select 1")).rejects.toMatchObject(refused.password);
      expect(ends).toContain("57P01");
    });
  });

  afterAll(provisionAgain);
});

test("a project that leaves the config has no access, and returns by its name with data and secrets", async () => {
  const { second } = letta.projects;
  await rows(url("second"), "create table kept (text text)");
  await withPostgres(url("second"), async (open) => {
    const ends = endsOf(open);
    stacks.configure(stacks.letta, { projects: ["thoth", "adopted"] });
    await stacks.up(stacks.letta);
    expect(Object.keys((await stacks.lettaOutputs()).projects).toSorted()).toEqual(["adopted", "thoth"]);
    expect(ends).toContain("57P01");
    await expect(rows(url("second"), "select 1")).rejects.toMatchObject(refused.password);
    expect(await stacks.psql("select count(*) from pg_class where relname = 'kept'", "second")).toBe("1");
    expect(await stacks.psql("select rolcanlogin from pg_roles where rolname = 'second'")).toBe("f");
    succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.letta]));
  });

  stacks.configure(stacks.letta, { projects: ["thoth", "second", "adopted"] });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
  expect(letta.projects.second).toEqual(second);
  expect(await rows(url("second"), "select * from kept")).toEqual([]);
  await expectNoRestart();
});
