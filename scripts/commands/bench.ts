import type { Deps } from "../lib/deps.ts";
import { root } from "../lib/project.ts";

/** Measures what docs/figures.md shows. */
export async function bench(deps: Deps): Promise<number> {
  const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true, cwd: root })`node test/bench/starts.ts`;
  return exitCode ?? 1;
}
