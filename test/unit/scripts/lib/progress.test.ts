import { expect, test } from "vitest";
import { throttled } from "../../../../scripts/lib/progress.ts";

function shown(isTerminal: boolean, lines: readonly (readonly [seconds: number, line: string])[]): string[] {
  const result: string[] = [];
  let time = 0;
  const report = throttled(
    isTerminal,
    (line) => result.push(line),
    () => time * 1000,
  );
  for (const [seconds, line] of lines) {
    time = seconds;
    report(line);
  }
  return result;
}

const lines = [
  [0, "first"],
  [9.9, "too soon"],
  [10, "second"],
  [19, "too soon"],
  [21, "third"],
] as const;

test("a log gets a line every ten seconds, a terminal all of them", () => {
  expect(shown(false, lines)).toEqual(["first", "second", "third"]);
  expect(shown(true, lines)).toEqual(lines.map(([, line]) => line));
});

test("a long line is cut to a hundred characters", () => {
  expect(shown(true, [[0, "x".repeat(101)]])).toEqual([`${"x".repeat(99)}…`]);
});
