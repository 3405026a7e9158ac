import { expect, test } from "vitest";
import { checkExtensions, compareRows } from "../../../images/backup/src/restore/checks.ts";
import { FakeWorld } from "../../support/fake-world.ts";

const rows = (agents: number) => ({ letta: { "public.agents": agents } });

test("restored rows are those that were counted around the restored moment", () => {
  expect(compareRows(rows(5), rows(5), rows(5)).ok).toBe(true);
  expect(compareRows(rows(6), rows(5), rows(7)).ok).toBe(true);
  expect(compareRows(rows(4), rows(5), rows(5))).toMatchObject({
    ok: false,
    detail: "letta public.agents: 4 instead of 5",
  });
  expect(compareRows(rows(8), rows(5), rows(7)).ok).toBe(false);
});

test("a table that is gone is missed, one that came or went around that moment is not", () => {
  expect(compareRows({ letta: {} }, rows(5), rows(5))).toMatchObject({
    ok: false,
    detail: "letta public.agents: missing instead of 5",
  });
  expect(compareRows({}, rows(5), { letta: {} }).ok).toBe(true);
});

test("a backup with newer extensions than this image's is told by database, name and both versions", async () => {
  const world = new FakeWorld();
  const databases = ["letta", "thoth"];
  expect(await checkExtensions(world, "/socket", databases)).toMatchObject({ ok: true });
  world.answers.pg_extension_update_paths = [{ name: "vector", version: "0.8.6", here: "0.8.0" }];
  expect(await checkExtensions(world, "/socket", databases)).toEqual({
    name: "extensions",
    ok: false,
    detail: "letta: vector 0.8.6, this image has 0.8.0; thoth: vector 0.8.6, this image has 0.8.0",
  });
});
