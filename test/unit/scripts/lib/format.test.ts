import { expect, test } from "vitest";
import { formatBytes, formatDuration, formatTime } from "../../../../scripts/lib/format.ts";

test.each([
  [0.4, "0 s"],
  [59, "59 s"],
  [60, "1 min"],
  [3599, "59 min 59 s"],
  [3600, "1 h"],
  [3660, "1 h 1 min"],
  [86_400, "1 d"],
  [86_400 * 3 + 3600 * 4 + 59, "3 d 4 h"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1.25 * 2 ** 30, "1.3 GiB"],
  [2 ** 60, "1048576.0 TiB"],
])("%d bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a moment is written to the second, in UTC", () => {
  expect(formatTime("2026-11-22T23:35:03.987+01:00")).toBe("2026-11-22 22:35:03 UTC");
});
