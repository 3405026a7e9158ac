import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { withPostgres } from "../../infra/lib/postgres.ts";
import provider, { type DatabaseInputs } from "../../infra/providers/database.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { generatedPasswords } from "../support/secrets.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type ContainerIdentity, succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
let letta: LettaStack;
let containers: Record<string, ContainerIdentity>;

/** One project more is asked for, and one whose database and role were made by hand before, with data and another password. */
beforeAll(async () => {
  containers = await serving();
  await stacks.psql(`create role adopted login superuser password 'made by hand'`);
  await stacks.psql("create database adopted");
  await stacks.psql("create table notes (text text); insert into notes values ('older than the stack')", "adopted");
  await stacks.psql("alter table notes owner to adopted", "adopted");
  stacks.configure(stacks.letta, { projects: ["thoth", "second", "adopted"] });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
});

afterAll(async () => {
  stacks.configure(stacks.letta, { projects: ["thoth"] });
  await stacks.up(stacks.letta);
  for (const project of ["second", "adopted"]) {
    await stacks.psql(`drop database ${project} with (force)`);
    await stacks.psql(`drop role ${project}`);
  }
});

const url = (project: string, database = project) => {
  const target = new URL(letta.hostDatabaseUrls[project] ?? "");
  target.pathname = database;
  return target.href;
};
const rows = <Row extends pg.QueryResultRow>(target: string, sql: string): Promise<Row[]> =>
  withPostgres(target, async (client) => (await client.query<Row>(sql)).rows);

/** All containers but those of the backup, which is told of each project by another start. */
async function serving(): Promise<Record<string, ContainerIdentity>> {
  const all = { ...(await stacks.containers(stacks.letta)), ...(await stacks.containers(stacks.thoth)) };
  return Object.fromEntries(Object.entries(all).filter(([name]) => !/-(backup|drill)$/.test(name)));
}

const expectNoRestart = async () => expect(await serving()).toEqual(containers);

describe("a project that is added", () => {
  test("restarts no container that serves", expectNoRestart);

  test.each(["letta", "thoth", "adopted", "postgres", "template1"])("may not enter database %s", async (database) => {
    await expect(rows(url("second", database), "select 1")).rejects.toMatchObject({ code: "42501" });
  });

  test("keeps the others out of its own", async () => {
    for (const other of ["thoth", "letta", "adopted"]) {
      await expect(rows(url(other, "second"), "select 1")).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("has none of Postgres' special rights", async () => {
    const rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls";
    const [role] = await rows(url("second"), `select ${rights} from pg_roles where rolname = 'second'`);
    expect(new Set(Object.values(role ?? {}))).toEqual(new Set([false]));
    for (const sql of ["create database third", "create role third"]) {
      await expect(rows(url("second"), sql)).rejects.toMatchObject({ code: "42501" });
    }
  });

  test("owns its database, and has vectors and uuids in it", async () => {
    await rows(url("second"), "create table papers (id uuid default uuid_generate_v4(), embedding vector(3))");
    await rows(url("second"), "insert into papers (embedding) values ('[1,0,0]'), ('[0,1,0]')");
    const nearest = "select id, embedding::text from papers order by embedding <-> '[0,0.9,0]' limit 1";
    expect(await rows(url("second"), nearest)).toEqual([{ id: expect.any(String), embedding: "[0,1,0]" }]);
  });

  test("may hold thirty connections and no more", async () => {
    const [first, ...others] = Array.from({ length: 31 }, () => new pg.Client({ connectionString: url("second") }));
    await first?.connect();
    // A backend outlives its closed connection by a moment, and counts until it is gone.
    const ghosts = "select from pg_stat_activity where usename = 'second' and pid <> pg_backend_pid()";
    await vi.waitFor(async () => expect((await first?.query(ghosts))?.rowCount).toBe(0), { timeout: 10_000 });
    const connected = await Promise.allSettled(others.map((client) => client.connect()));
    const refused = connected.filter((result) => result.status === "rejected");
    await Promise.allSettled([first, ...others].map((client) => client?.end()));
    expect(refused.map(({ reason }) => reason.code)).toEqual(["53300"]);
  });
});

describe("a database and a role that were made by hand", () => {
  test("keep their data", async () => {
    expect(await rows(url("adopted"), "select text from notes")).toEqual([{ text: "older than the stack" }]);
  });

  test("get the generated password in the place of the old one", async () => {
    const old = new URL(url("adopted"));
    old.password = "made by hand";
    await expect(rows(old.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
  });

  test("lose the rights that a project's role must not have", async () => {
    expect(await rows(url("adopted"), "select rolsuper from pg_roles where rolname = 'adopted'")).toEqual([
      { rolsuper: false },
    ]);
  });
});

describe("what was changed by hand", () => {
  test.each([
    ["a dropped extension", "second", 'drop extension "uuid-ossp" cascade'],
    [
      "a dropped role",
      "second",
      "reassign owned by second to postgres; drop owned by second; alter database second owner to postgres; drop role second",
    ],
    ["another password", "second", "alter role second password 'changed by hand'"],
  ])("is mended by the next up: %s", async (_name, database, sql) => {
    await stacks.psql(sql, database);
    await stacks.up(stacks.letta);
    expect(await rows(url("second"), "select uuid_generate_v4()")).toHaveLength(1);
    const owner = "select pg_get_userbyid(datdba) as owner from pg_database where datname = 'second'";
    expect(await rows(url("second"), owner)).toEqual([{ owner: "second" }]);
    succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.letta]));
    await expectNoRestart();
  });
});

test("a changed password counts for the next connection, and ends none", async () => {
  const [host, port] = [new URL(url("second")).hostname, Number(new URL(url("second")).port)];
  const passwords = await generatedPasswords(stacks, stacks.letta);
  const inputs: DatabaseInputs = {
    ...{ host, port, database: "second", connectionLimit: 30, extensions: ["vector", "uuid-ossp"] },
    adminPassword: passwords["postgres-admin-password"] ?? "",
    password: passwords["database-second-password"] ?? "",
  };
  await withPostgres(url("second"), async (open) => {
    await provider.update?.("second", inputs, { ...inputs, password: "a-new-one" });
    expect((await open.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  });
  await expect(rows(url("second"), "select 1")).rejects.toMatchObject({ code: "28P01" });
  expect(await rows(url("second").replace(inputs.password, "a-new-one"), "select 1 as one")).toEqual([{ one: 1 }]);
  await stacks.up(stacks.letta);
  expect(await rows(url("second"), "select 1 as one")).toEqual([{ one: 1 }]);
  await expectNoRestart();
});

test("a project that is taken out of the config keeps its data and its secrets for the day it comes back", async () => {
  const { databaseUrls, encryptionKeys } = letta;
  await rows(url("second"), "create table kept (text text)");
  stacks.configure(stacks.letta, { projects: ["thoth", "adopted"] });
  await stacks.up(stacks.letta);
  expect((await stacks.lettaOutputs()).projects).toEqual(["thoth", "adopted"]);
  expect(await stacks.psql("select count(*) from pg_class where relname = 'kept'", "second")).toBe("1");

  stacks.configure(stacks.letta, { projects: ["thoth", "second", "adopted"] });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
  expect(letta).toMatchObject({ databaseUrls, encryptionKeys });
  expect(await rows(url("second"), "select * from kept")).toEqual([]);
  await expectNoRestart();
});
