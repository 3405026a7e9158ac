import { readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { paths, root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";

/** Those of vitest.config.ts but "chaos", which takes an hour. */
const projects = ["--project", "unit", "--project", "integration"];

/** Vitest's JSON report, as far as it is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: { readonly fullName: string; readonly status: string }[];
  }[];
}

/**
 * Runs every test: types, lint, unit, and both stacks on the real engine beside whatever runs here already.
 *
 * The last line printed is `N passed, N failed`; a test that was skipped, and a check that failed, count as failed.
 */
export async function test(deps: Deps): Promise<number> {
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const run = deps.$({ stdio: "inherit", nothrow: true });
  const failedChecks = [];
  for (const script of ["check:types", "check:lint"]) {
    if ((await run`npm run --silent ${script}`).exitCode !== 0) failedChecks.push(script);
  }
  const reportFile = join(paths.state, "test-report.json");
  await rm(reportFile, { force: true });
  const { exitCode } = await run`vitest run ${projects} --reporter=default --reporter=json --outputFile=${reportFile}`;
  const report = JSON.parse(await readFile(reportFile, "utf8")) as Report;
  // A file that cannot be loaded, or a hook that fails, has no failed test of its own.
  const failedSuites = report.success || report.numFailedTests > 0 ? 0 : Math.max(1, report.numFailedTestSuites);
  const failed = report.numFailedTests + report.numPendingTests + failedSuites + failedChecks.length;
  for (const name of [...failedChecks, ...notPassed(report)]) deps.print(`failed: ${name}`);
  deps.print(`${report.numPassedTests} passed, ${failed} failed`);
  return failed === 0 && exitCode === 0 ? 0 : 1;
}

/** File and name of each test that did not pass, and each file that failed as a whole. */
function notPassed({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(root, name);
    const tests = assertionResults.filter((test) => test.status !== "passed");
    if (tests.length === 0 && status !== "passed") return [file];
    return tests.map((test) => `${file} > ${test.fullName}`);
  });
}
