import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { paths, root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";
import { failures, slowest, type TestReport } from "./test-report.ts";

/** Those of vitest.config.ts but "chaos", which takes an hour. */
const projects = ["--project", "unit", "--project", "integration"];

/**
 * Runs every check and test: types, lint, unit, and both stacks on the real engine next to whatever runs here already.
 *
 * The last line printed is `N passed, N failed`; a skipped test and a failed check count as failed.
 *
 * @param only runs the test files whose path contains this, without the checks
 */
export async function test(only: string | undefined, deps: Deps): Promise<number> {
  const started = performance.now();
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const run = deps.$({ stdio: "inherit", nothrow: true });
  const reportFile = join(paths.state, "test-report.json");
  await rm(reportFile, { force: true });
  const scripts = only === undefined ? await checkScripts() : [];
  const files = only === undefined ? [] : [only];
  // The checks run while the stacks come up.
  const [{ exitCode }, ...checks] = await Promise.all([
    run`vitest run ${projects} --reporter=default --reporter=json --outputFile=${reportFile} ${files}`,
    ...scripts.map((script) => run`npm run --silent ${script}`),
  ]);
  const report = JSON.parse(await readFile(reportFile, "utf8")) as TestReport;
  const failedChecks = scripts.filter((_, index) => checks[index]?.exitCode !== 0);
  const { lines, count } = failures(report, failedChecks);
  const total = `total: ${((performance.now() - started) / 1000).toFixed(0)} s`;
  for (const line of [...slowest(report), total, ...lines]) deps.print(line);
  deps.print(`${report.numPassedTests} passed, ${count} failed`);
  return count === 0 && exitCode === 0 ? 0 : 1;
}

/** The scripts of package.json that `npm run check` runs before the unit tests. */
async function checkScripts(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { scripts: object };
  return Object.keys(scripts).filter((name) => name.startsWith("check:"));
}
