import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";

/** Breaks stacks of its own in the ways of test/chaos, all for about an hour or those of one file, e.g. `crash`. */
export async function chaos(file: string | undefined, deps: Deps): Promise<number> {
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const files = file === undefined ? [] : [file];
  const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true })`vitest run --project chaos ${files}`;
  return exitCode ?? 1;
}
