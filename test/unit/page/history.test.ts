import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { change, extend, minutesOf, newest, sums } from "../../../images/page/src/client/history.ts";
import { dayMinutes } from "../../../images/page/src/contract.ts";
import { MinuteHistory } from "../../../images/page/src/history.ts";
import { temporaryFolder } from "../../support/temporary.ts";

function open(file = join(temporaryFolder(), "history.db")): MinuteHistory {
  const history = new MinuteHistory(file);
  onTestFinished(() => history.close());
  return history;
}

test("a day is kept, minute by minute, and no more", () => {
  const history = open();
  for (let minute = 1; minute <= dayMinutes + 10; minute += 1) history.record(minute, { open: minute });
  const { open: series = [] } = history.since(0);
  expect(series).toHaveLength(dayMinutes);
  expect([series[0], series.at(-1)]).toEqual([
    [11, 11],
    [dayMinutes + 10, dayMinutes + 10],
  ]);
});

test("what came after a minute is all that is answered", () => {
  const history = open();
  history.record(7, { "up/a": 1, "up/b": 0 });
  history.record(8, { "up/a": 1 });
  expect(history.since(7)).toEqual({ "up/a": [[8, 1]] });
  expect(history.since(8)).toEqual({});
});

test("the last minute with a request is found, not those without", () => {
  const history = open();
  for (const [minute, value] of [
    [3, 2],
    [4, 0],
  ] as const)
    history.record(minute, { "requests/thoth": value });
  expect(history.lastOf("requests/thoth")).toBe(3);
  expect(history.lastOf("requests/notes")).toBeUndefined();
});

test("it survives a restart, and a file that is damaged is started again", () => {
  const file = join(temporaryFolder(), "history.db");
  const first = new MinuteHistory(file);
  first.record(5, { open: 1 });
  first.close();
  expect(open(file).since(0)).toEqual({ open: [[5, 1]] });
  const damaged = join(temporaryFolder(), "history.db");
  writeFileSync(damaged, "no database ".repeat(500));
  const second = open(damaged);
  second.record(6, { open: 2 });
  expect(second.since(0)).toEqual({ open: [[6, 2]] });
});

test("the browser adds what is new, forgets what is older than a day, and sums series of a kind", () => {
  const now = 2 * dayMinutes * 60_000;
  const last = 2 * dayMinutes;
  const day = extend(
    new Map(),
    {
      "requests/a": [
        [last - dayMinutes, 9],
        [last - 1, 2],
      ],
      "requests/b": [[last, 5]],
    },
    now,
  );
  const later = extend(day, { "requests/a": [[last, 3]] }, now);
  expect(newest(later)).toBe(last);
  expect(minutesOf(now).at(-1)).toBe(last);
  const all = sums(later, "requests/", now);
  expect(all).toHaveLength(dayMinutes);
  expect(all.slice(-3)).toEqual([null, 2, 8]);
  expect(all[0]).toBeNull();
  expect(change(later, "requests/a")).toBe(1);
  expect(change(later, "requests/c")).toBeNull();
});
