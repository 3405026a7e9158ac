import { afterAll, beforeAll, expect, test } from "vitest";
import { copySettings } from "../../scripts/lib/databases.ts";
import { identifier, literal } from "../../scripts/lib/psql.ts";
import { fakeDeps } from "../support/fake-deps.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
const from = "settings's";
const to = 'settings"copy';

beforeAll(async () => {
  for (const name of [from, to]) await stacks.psql(`create database ${identifier(name)}`);
});
afterAll(async () => {
  for (const name of [from, to]) await stacks.psql(`drop database if exists ${identifier(name)} with (force)`);
});

const settingsOf = async (database: string) =>
  (
    await stacks.psql(
      `select setrole::regrole, unnest(setconfig) from pg_db_role_setting join pg_database on pg_database.oid = setdatabase where datname = ${literal(database)} order by 1, 2`,
    )
  ).split("\n");

test("a copy of a database gets the settings of the original, also those of roles in it", async () => {
  await stacks.psql(`alter database ${identifier(from)} set lock_timeout = '7s';
    alter database ${identifier(from)} set search_path = "$user", public, 'a b';
    alter role thoth in database ${identifier(from)} set application_name = 'it''s; here';`);
  const settings = await settingsOf(from);
  expect(settings).toHaveLength(3);
  await copySettings(fakeDeps(), `${stacks.letta}-postgres`, from, to);
  expect(await settingsOf(to)).toEqual(settings);
});
