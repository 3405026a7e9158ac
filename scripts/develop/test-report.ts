import { relative } from "node:path";
import { root } from "../lib/checkout.ts";

interface TestResult {
  readonly fullName: string;
  readonly status: string;
  /** Milliseconds; absent for a test that did not run. */
  readonly duration?: number;
  /** An error each, with its stack. */
  readonly failureMessages?: readonly string[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly endTime: number;
  readonly assertionResults: readonly TestResult[];
}

/** Vitest's JSON report, as far as it is read here. */
export interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: readonly FileResult[];
}

const slowestShown = 10;

/** The slowest tests, and the files that spend most time outside their tests: in hooks and imports. */
export function slowest({ testResults }: TestReport): string[] {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, duration = 0 }) => ({ text: `${relative(root, name)} > ${fullName}`, duration })),
  );
  const files = testResults.map(({ name, startTime, endTime, assertionResults }) => {
    const inTests = assertionResults.reduce((sum, { duration = 0 }) => sum + duration, 0);
    return { text: relative(root, name), duration: endTime - startTime - inTests };
  });
  return ["slowest tests:", ...top(tests), "most time in hooks:", ...top(files)];
}

function top(entries: readonly { readonly text: string; readonly duration: number }[]): string[] {
  const sorted = entries.toSorted((one, other) => other.duration - one.duration).slice(0, slowestShown);
  return sorted.map(({ text, duration }) => `${(duration / 1000).toFixed(1).padStart(7)} s  ${text}`);
}

/** What failed, one line each, and how much: a skipped test and a failed check count too. */
export function failures(report: TestReport, failedChecks: readonly string[]): { lines: string[]; count: number } {
  // A file that cannot be loaded, or whose hook fails, has no failed test.
  const suites = report.success || report.numFailedTests > 0 ? 0 : Math.max(1, report.numFailedTestSuites);
  const tests = report.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const notPassed = assertionResults.filter((test) => test.status !== "passed");
    if (notPassed.length === 0 && status !== "passed") return [file];
    return notPassed.map((test) => `${file} > ${test.fullName}${reason(test)}`);
  });
  return {
    lines: [...failedChecks, ...tests].map((name) => `failed: ${name}`),
    count: report.numFailedTests + report.numPendingTests + suites + failedChecks.length,
  };
}

/** The first line of the first error, in a log that keeps only its end. */
function reason({ failureMessages: [first = ""] = [] }: TestResult): string {
  return first === "" ? "" : ` (${first.split("\n", 1)})`;
}
