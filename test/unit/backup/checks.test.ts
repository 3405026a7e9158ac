import { expect, test } from "vitest";
import { compareRows } from "../../../images/backup/src/checks.ts";
import { pointName, pointTime } from "../../../images/backup/src/heartbeat.ts";
import { parseTarget } from "../../../images/backup/src/points.ts";

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

test("a heartbeat's name tells its time to the second", () => {
  const at = new Date("2026-11-24T01:30:07.250Z");
  expect(pointName(at)).toBe("hb_20261124T013007Z");
  expect(pointTime(pointName(at))).toEqual(new Date("2026-11-24T01:30:07Z"));
  expect(pointTime("before-upgrade")).toBeUndefined();
});

test("a target is the latest state, a time or a heartbeat, and nothing else", async () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  expect(await parseTarget("latest", now)).toEqual({ type: "latest" });
  const time = new Date("2026-11-24T10:00:00Z");
  expect(await parseTarget("time:2026-11-24T10:00:00Z", now)).toEqual({ type: "time", time });
  expect(await parseTarget("name:hb_20261124T100000Z", now)).toEqual({
    type: "name",
    name: "hb_20261124T100000Z",
    at: time,
  });
  await expect(parseTarget("time:yesterday", now)).rejects.toThrow('"yesterday" is no time');
  await expect(parseTarget("time:2026-11-24T13:00:00Z", now)).rejects.toThrow("is in the future");
  await expect(parseTarget("name:unknown", now)).rejects.toThrow('there is no restore point "unknown"');
  await expect(parseTarget("hb", now)).rejects.toThrow('"hb" is no target');
});
