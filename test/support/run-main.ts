import { execFile } from "node:child_process";
import { join } from "node:path";
import { root } from "../../scripts/lib/checkout.ts";

type Ended = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

/** Runs scripts/main.ts as a shell would; never throws for an exit code. This process goes on, as it may imitate the engine. */
export function runMain(args: readonly string[], changes: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { YES: _, LETTA_STACK: __, THOTH_STACK: ___, ...inherited } = process.env;
  const env = { ...inherited, ...changes };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, "scripts/main.ts"), ...args], { env }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
