import { join } from "node:path";
import { expect, test } from "vitest";
import { failures, slowest, type TestReport } from "../../../../scripts/develop/test-report.ts";
import { root } from "../../../../scripts/lib/checkout.ts";

const file = (name: string, tests: Record<string, number>, { status = "passed", seconds = 10 } = {}) => ({
  name: join(root, name),
  status,
  startTime: 0,
  endTime: seconds * 1000,
  assertionResults: Object.entries(tests).map(([fullName, duration]) => ({ fullName, status, duration })),
});
const passed: TestReport = {
  ...{ numPassedTests: 2, numFailedTests: 0, numFailedTestSuites: 0, numPendingTests: 0, success: true },
  testResults: [file("test/a.test.ts", { quick: 100, slow: 4000 })],
};

test("the slowest tests come first, and what a file spends outside its tests is shown", () => {
  expect(slowest(passed)).toEqual([
    "slowest tests:",
    "    4.0 s  test/a.test.ts > slow",
    "    0.1 s  test/a.test.ts > quick",
    "most time in hooks:",
    "    5.9 s  test/a.test.ts",
  ]);
});

test("a run in which everything passed has no failure", () => {
  expect(failures(passed, [])).toEqual({ lines: [], count: 0 });
});

test("a failed test has the first line of its error", () => {
  const failed = { fullName: "one", status: "failed", failureMessages: ["Error: no answer\n    at a.ts:1"] };
  const result = { ...file("test/a.test.ts", {}, { status: "failed" }), assertionResults: [failed] };
  const report = { ...passed, success: false, numFailedTests: 1, testResults: [result] };
  expect(failures(report, [])).toEqual({ lines: ["failed: test/a.test.ts > one (Error: no answer)"], count: 1 });
});

test.each<[string, Partial<TestReport>, string[], string]>([
  ["a failed check", {}, ["check:lint"], "failed: check:lint"],
  [
    "a skipped test",
    { numPendingTests: 1, testResults: [file("test/a.test.ts", { one: 0 }, { status: "skipped" })] },
    [],
    "failed: test/a.test.ts > one",
  ],
  [
    "a file that cannot be loaded",
    { success: false, numFailedTestSuites: 1, testResults: [file("test/a.test.ts", {}, { status: "failed" })] },
    [],
    "failed: test/a.test.ts",
  ],
])("%s counts as one failure", (_, changes, checks, line) => {
  expect(failures({ ...passed, ...changes }, checks)).toEqual({ lines: [line], count: 1 });
});
