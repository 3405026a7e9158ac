import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { paths, root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";

/** Those of vitest.config.ts but "chaos", which takes an hour. */
const projects = ["--project", "unit", "--project", "integration"];
const slowestShown = 10;

interface TestResult {
  readonly fullName: string;
  readonly status: string;
  /** Milliseconds; absent for a test that did not run. */
  readonly duration?: number;
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
interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: readonly FileResult[];
}

/**
 * Runs every test: types, lint, unit, and both stacks on the real engine next to whatever runs here already.
 *
 * The last line printed is `N passed, N failed`; a skipped test and a failed check count as failed.
 *
 * @param only runs the test files whose path contains this, without the checks of types and lint
 */
export async function test(only: string | undefined, deps: Deps): Promise<number> {
  const started = performance.now();
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const run = deps.$({ stdio: "inherit", nothrow: true });
  const reportFile = join(paths.state, "test-report.json");
  await rm(reportFile, { force: true });
  const scripts = only === undefined ? ["check:types", "check:lint"] : [];
  const files = only === undefined ? [] : [only];
  const [{ exitCode }, ...checks] = await Promise.all([
    run`vitest run ${projects} --reporter=default --reporter=json --outputFile=${reportFile} ${files}`,
    ...scripts.map((script) => run`npm run --silent ${script}`),
  ]);
  const failedChecks = scripts.filter((_, index) => checks[index]?.exitCode !== 0);
  const report = JSON.parse(await readFile(reportFile, "utf8")) as TestReport;
  for (const line of slowest(report)) deps.print(line);
  deps.print(`total: ${seconds(performance.now() - started)} s`);
  for (const name of [...failedChecks, ...notPassed(report)]) deps.print(`failed: ${name}`);
  const failed = countFailed(report) + failedChecks.length;
  deps.print(`${report.numPassedTests} passed, ${failed} failed`);
  return failed === 0 && exitCode === 0 ? 0 : 1;
}

/** The slowest tests, and the files whose hooks and imports took longest. */
function slowest({ testResults }: TestReport): string[] {
  const tests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, duration = 0 }) => ({ text: `${relative(root, name)} > ${fullName}`, duration })),
  );
  const hooks = testResults.map(({ name, startTime, endTime, assertionResults }) => {
    const inTests = assertionResults.reduce((sum, { duration = 0 }) => sum + duration, 0);
    return { text: relative(root, name), duration: endTime - startTime - inTests };
  });
  return ["slowest tests:", ...top(tests), "most time in hooks:", ...top(hooks)];
}

function top(entries: readonly { readonly text: string; readonly duration: number }[]): string[] {
  const sorted = entries.toSorted((one, other) => other.duration - one.duration).slice(0, slowestShown);
  return sorted.map(({ text, duration }) => `${seconds(duration).padStart(7)} s  ${text}`);
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(1);

/** A file that cannot be loaded, or a hook that fails, has no failed test of its own. */
function countFailed(report: TestReport): number {
  const suites = report.success || report.numFailedTests > 0 ? 0 : Math.max(1, report.numFailedTestSuites);
  return report.numFailedTests + report.numPendingTests + suites;
}

/** File and name of each test that did not pass, and each file that failed as a whole. */
function notPassed({ testResults }: TestReport): string[] {
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const tests = assertionResults.filter((test) => test.status !== "passed");
    if (tests.length === 0 && status !== "passed") return [file];
    return tests.map((test) => `${file} > ${test.fullName}`);
  });
}
