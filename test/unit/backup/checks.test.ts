import { expect, test } from "vitest";
import { compareRows } from "../../../images/backup/src/restore/checks.ts";

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
