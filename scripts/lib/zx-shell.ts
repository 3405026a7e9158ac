import { spawn } from "node:child_process";
import { type Shell, $ as zx } from "zx";

/** zx's shell, quiet. A program that ends without reading all of its input does not end this process. */
export function zxShell(options: { env: Record<string, string>; cwd: string }): Shell {
  return zx({ ...options, quiet: true, spawn: spawnForgiving });
}

/** zx itself writes the input without listening for errors: an EPIPE would be an uncaught exception (seen with zx 8.8). */
const spawnForgiving = ((...args: Parameters<typeof spawn>) => {
  const child = spawn(...args);
  child.stdin?.on("error", () => {});
  return child;
}) as typeof spawn;
