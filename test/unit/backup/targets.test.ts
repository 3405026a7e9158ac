import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatTarget, parseTarget, type RestoreTarget } from "../../../images/backup/src/contract.ts";
import { pointName, pointTime } from "../../../images/backup/src/restore/heartbeat.ts";
import { createPoint, datedTarget } from "../../../images/backup/src/restore/points.ts";
import { FakeWorld } from "../../support/fake-world.ts";

const time = "2026-11-24T10:00:00.000Z";

test.each<[string, RestoreTarget]>([
  ["latest", { type: "latest" }],
  ["time:2026-11-24T10:00:00.000Z", { type: "time", time }],
  ["name:before-upgrade", { type: "name", name: "before-upgrade" }],
  ["name:a:b", { type: "name", name: "a:b" }],
])("a target is written as %s, and read from that", (text, target) => {
  expect(formatTarget(target)).toBe(text);
  expect(parseTarget(text)).toEqual(target);
});

test.each(["time:yesterday", "hb", "name:", "time:"])("%j is not a target", (text) => {
  expect(parseTarget(text)).toBeUndefined();
});

test("a heartbeat's name has its time to the second", () => {
  const at = new Date("2026-11-24T01:30:07.250Z");
  expect(pointName(at)).toBe("hb_20261124T013007Z");
  expect(pointTime(pointName(at))).toEqual(new Date("2026-11-24T01:30:07Z"));
  expect(pointTime("before-upgrade")).toBeUndefined();
});

describe("the time of a named target", () => {
  const named = (world: FakeWorld, name: string) => datedTarget(world, { type: "name", name });

  test("is that of the point or the heartbeat, or the one in a heartbeat's name", async () => {
    const world = new FakeWorld();
    const at = "2026-11-24T09:00:00.000Z";
    writeFileSync(join(world.paths.status, "points.json"), JSON.stringify([{ name: "before-upgrade", at }]));
    expect(await named(world, "before-upgrade")).toEqual({ type: "name", name: "before-upgrade", at: new Date(at) });
    expect(await named(world, "hb_20261124T100000Z")).toMatchObject({ at: new Date(time) });
    await expect(named(world, "other")).rejects.toMatchObject({
      message: 'there is no restore point "other"',
      fix: "there are before-upgrade",
    });
  });

  test("is not needed for a time, which must not be in the future", async () => {
    const world = new FakeWorld();
    expect(await datedTarget(world, { type: "time", time })).toEqual({ type: "time", time });
    const future = { type: "time", time: new Date(world.time + 1).toISOString() } as const;
    await expect(datedTarget(world, future)).rejects.toThrow("2026-11-24T12:00:00.001Z is in the future");
  });
});

describe("a new restore point", () => {
  test("is known once it is archived", async () => {
    const world = new FakeWorld();
    world.answers.pg_create_restore_point = [{ lsn: "0/3000000", at: new Date(time) }];
    world.answers["as done"] = [{ done: true }];
    expect(await createPoint(world, "before-upgrade")).toMatchObject({ name: "before-upgrade", lsn: "0/3000000" });
    await expect(createPoint(world, "before-upgrade")).rejects.toThrow("there is a restore point");
  });

  test.each(["hb_mine", "-x", "a b", ""])("is not called %j", async (name) => {
    await expect(createPoint(new FakeWorld(), name)).rejects.toThrow("is not a valid name for a restore point");
  });
});
