import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "../../scripts/lib/checkout.ts";

/** Runs scripts/main.ts as a shell would; never throws for an exit code. */
export function runMain(args: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "scripts/main.ts"), ...args], {
    encoding: "utf8",
    env: { ...process.env, YES: undefined, LETTA_STACK: undefined, THOTH_STACK: undefined, ...env },
  });
  return { exitCode: status, stdout, stderr };
}
