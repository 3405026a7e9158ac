import type { Deps } from "../lib/deps.ts";
import { setup } from "../setup/setup.ts";

/** Runs test/chaos, or one file of it such as `crash`, on separate stacks. */
export async function chaos(file: string | undefined, deps: Deps): Promise<number> {
  await setup({ lettaStack: "letta", thothStack: "thoth" }, deps);
  const files = file === undefined ? [] : [file];
  const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true })`vitest run --project chaos ${files}`;
  return exitCode ?? 1;
}
