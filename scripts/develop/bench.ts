import { root } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";

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
