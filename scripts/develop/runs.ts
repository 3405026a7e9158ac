import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";

/** One after the other: they would measure each other. */
const measurements = [
  "test/bench/starts.ts",
  "test/bench/server.ts",
  "test/bench/projects.ts",
  "test/bench/noisy-neighbour.ts",
  "test/bench/backup.ts",
];

/** Runs the checks that need no engine. */
export async function check(deps: Deps): Promise<number> {
  return (await deps.$({ stdio: "inherit", nothrow: true, cwd: root })`npm run --silent check`).exitCode ?? 1;
}

/** Measures what docs/figures.md shows. */
export async function bench(deps: Deps): Promise<number> {
  for (const file of measurements) {
    const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true, cwd: root })`node ${file}`;
    if (exitCode !== 0) return exitCode ?? 1;
  }
  return 0;
}

/** Breaks separate stacks in the ways of test/chaos: all, for about an hour, or those of one file, e.g. `crash`. */
export async function chaos(file: string | undefined, deps: Deps): Promise<number> {
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const files = file === undefined ? [] : [file];
  const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true })`vitest run --project chaos ${files}`;
  return exitCode ?? 1;
}
