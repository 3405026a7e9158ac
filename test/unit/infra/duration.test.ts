import { expect, test } from "vitest";
import { goDuration } from "../../../infra/lib/docker/duration.ts";

test.each([
  [0, "0s"],
  [5, "5s"],
  [59, "59s"],
  [60, "1m0s"],
  [90, "1m30s"],
  [180, "3m0s"],
  [3599, "59m59s"],
  [3600, "1h0m0s"],
  [3661, "1h1m1s"],
  [90_000, "25h0m0s"],
])("%i s is %s, as Go prints it", (seconds, expected) => {
  expect(goDuration(seconds)).toBe(expected);
});
