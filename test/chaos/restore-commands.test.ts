import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import {
  agentNames,
  destroyPostgres,
  firstBackup,
  isContainerThere,
  killWhen,
  makeAgent,
  momentBetween,
  repositoryOf,
  volumeIn,
  volumesOf,
} from "../support/restores.ts";
import { generatedPasswords } from "../support/secrets.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";

/** One stack for all: what is restored is in turn what the next test begins with. No command here has a terminal. */
let stack: TestProject;
const usual = [
  ...["backup", "data", "home", "nginx-credentials", "postgres"],
  ...["redis", "redis-credentials", "scratch", "server-credentials"],
];
const folder = mkdtempSync(join(tmpdir(), "thoth-letta-export-"));

const restore = async (...args: string[]) => succeeded(await stack.command(["restore", ...args])).output;
const write = (row: string) => stack.psql(`insert into notes (text) values ('${row}')`, "thoth");
const notes = async (database = "thoth", table = "notes") =>
  (await stack.psql(`select text from ${table} order by id`, database)).split("\n").filter((row) => row !== "");
const settingsOf = async (database: string) =>
  (
    await stack.psql(
      `select setrole::regrole, setconfig from pg_db_role_setting join pg_database on pg_database.oid = setdatabase where datname = '${database}' order by 1`,
    )
  ).split("\n");
const postgresVolume = () => volumeIn(`${stack.letta}-postgres`);
const isUnchanged = async () =>
  succeeded(await stack.pulumi(["preview", "--expect-no-changes", "--stack", stack.letta]));

beforeAll(async () => {
  stack = await ownProject();
  succeeded(await stack.command(["letta", "start"]));
  await stack.psql(
    "create table notes (id serial primary key, text text, place vector(3)); alter table notes owner to thoth",
    "thoth",
  );
  await firstBackup(stack);
  await write("good");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let good: string;

describe("one project", () => {
  test("comes back as it was at a moment, settings included, while others stay in use, and the replaced one is kept", async () => {
    good = await momentBetween(stack);
    await write("oops");
    await makeAgent(stack, "untouched");
    await stack.psql(
      "alter database thoth set lock_timeout = '7s'; alter role thoth in database thoth set search_path = 'public', '$user'",
    );
    const settings = await settingsOf("thoth");
    expect(settings).toHaveLength(2);
    const containers = await stack.containers(stack.letta);
    const output = await restore("project", "thoth", "--at", good, "--yes");
    const kept = /kept as (thoth_before_\d{14})/.exec(output)?.[1] ?? "";
    expect(await notes()).toEqual(["good"]);
    expect(await notes(kept)).toEqual(["good", "oops"]);
    expect(await settingsOf("thoth")).toEqual(settings);
    expect(await settingsOf(kept)).toEqual(settings);
    expect(await stack.containers(stack.letta)).toEqual(containers);
    expect(await agentNames(stack)).toEqual(["untouched"]);
    expect(await volumesOf(stack)).toEqual(usual);
  });

  test("still belongs to its role alone", async () => {
    const { hostDatabaseUrl, projects } = await stack.lettaOutputs();
    const read = (url = "") => withPostgres(url, async (client) => (await client.query("select text from notes")).rows);
    expect(await read(projects.thoth?.hostDatabaseUrl)).toEqual([{ text: "good" }]);
    await expect(read(hostDatabaseUrl.replace(/\/letta$/, "/thoth"))).rejects.toThrow("pg_hba.conf rejects");
  });

  test("goes back to the replaced database, and forth again", async () => {
    await restore("undo", "--project", "thoth", "--yes");
    expect(await notes()).toEqual(["good", "oops"]);
    await restore("undo", "--project", "thoth", "--yes");
    expect(await notes()).toEqual(["good"]);
  });

  test("gets single tables back in a new schema", async () => {
    await stack.psql("drop table notes", "thoth");
    const output = await restore("tables", "thoth", "--tables", "notes", "--at", good);
    const schema = /schema (restored_\d{8}_\d{6})/.exec(output)?.[1] ?? "";
    expect(await notes("thoth", `${schema}.notes`)).toEqual(["good"]);
    await stack.psql(`alter table ${schema}.notes set schema public`, "thoth");
    expect(await volumesOf(stack)).toEqual(usual);
  });
});

describe("the whole server", () => {
  let before: string;

  test("killed while it is restored, stays as it was: a start removes what is half done", async () => {
    succeeded(await stack.command(["backup", "point", "the-point"]));
    await write("later");
    await makeAgent(stack, "later");
    await killWhen(stack, ["restore", "server", "--point", "the-point", "--yes"], () =>
      isContainerThere(`${stack.letta}-restore`),
    );
    expect((await stack.command(["restore", "server", "--latest", "--yes"])).output).toContain(
      "fix: make restore-resume",
    );
    succeeded(await stack.command(["letta", "start"]));
    expect(await postgresVolume()).toBe(`${stack.letta}-postgres`);
    expect(await volumesOf(stack)).toEqual(usual);
    expect(await notes()).toEqual(["good", "later"]);
  });

  test("comes back as it was at a named point, in a new volume", async () => {
    expect((await stack.command(["restore", "server", "--point", "the-point"])).output).toContain(
      "nothing was changed",
    );
    before = await momentBetween(stack);
    await write("latest");
    await restore("server", "--point", "the-point", "--yes");
    expect(await notes()).toEqual(["good"]);
    expect(await agentNames(stack)).toEqual(["untouched"]);
    expect(await postgresVolume()).toMatch(/-postgres-\d{14}$/);
    expect(await volumesOf(stack)).toContain("postgres");
    await isUnchanged();
    expect((await repositoryOf(stack)).backups.at(-1)?.type).toBe("full");
  });

  test("a moment that only the former timeline has is still found", async () => {
    await restore("project", "thoth", "--at", before, "--yes");
    expect(await notes()).toEqual(["good", "later"]);
  });

  test("killed while it goes back to the old volume, it is there after the next start", async () => {
    const isSwitching = async () => (await volumeIn(`${stack.letta}-backup`)) === `${stack.letta}-postgres`;
    await killWhen(stack, ["restore", "undo", "--yes"], isSwitching);
    succeeded(await stack.command(["letta", "start"]));
    expect(await postgresVolume()).toBe(`${stack.letta}-postgres`);
    expect(await notes()).toEqual(["good", "later", "latest"]);
    expect(await agentNames(stack)).toEqual(["later", "untouched"]);
    await isUnchanged();
  });

  test("comes back after its volume was destroyed, with one command", async () => {
    await write("the last row");
    succeeded(await stack.command(["backup", "point", "the-end"]));
    await destroyPostgres(stack);
    await restore("server", "--latest", "--yes");
    expect(await notes()).toEqual(["good", "later", "latest", "the last row"]);
    expect(await agentNames(stack)).toEqual(["later", "untouched"]);
    expect((await stack.command(["letta", "status"])).output).toContain(`stack ${stack.letta}: healthy`);
  });
});

test("all of it comes up elsewhere from an archive and the recovery key, with the same passwords", async () => {
  succeeded(await stack.command(["backup", "export", join(folder, "export")]));
  const key = succeeded(await stack.command(["backup", "key", "--show-secrets"])).stdout;
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, key);
  const archive = readFileSync(join(folder, "export", "manifest.json"), "utf8");
  expect(archive).not.toContain(key.trim());
  const elsewhere = await ownProject();
  succeeded(await elsewhere.command(["backup", "import", join(folder, "export"), "--key-file", keyFile]));
  const passwords = await generatedPasswords(elsewhere, elsewhere.letta);
  expect(passwords).toEqual(await generatedPasswords(stack, stack.letta));
  expect(await agentNames(elsewhere)).toEqual(["later", "untouched"]);
  expect(await elsewhere.psql("select text from notes order by id desc limit 1", "thoth")).toBe("the last row");
  succeeded(await elsewhere.pulumi(["preview", "--expect-no-changes", "--stack", elsewhere.letta]));
  const state = readFileSync(
    join(elsewhere.folder, `backend/.pulumi/stacks/thoth-letta/${elsewhere.letta}.json`),
    "utf8",
  );
  for (const password of Object.values(passwords)) expect(state).not.toContain(password);
});
