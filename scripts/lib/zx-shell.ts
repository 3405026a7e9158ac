import { type SpawnOptions, spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { Shell } from "zx";

/** A quiet zx shell. A program that exits without reading all of its input does not crash this process. */
export function zxShell(options: { env: Record<string, string>; cwd: string }): Shell {
  // Loaded when the first program is run: it takes longer to load than some commands to run.
  const zx = createRequire(import.meta.url)("zx/core") as { readonly $: Shell };
  return zx.$({ ...options, quiet: true, spawn: spawnBash });
}

/**
 * Starts bash without ~/.bashrc, and listens for errors of its standard input.
 *
 * Bash reads ~/.bashrc when its standard input is a socket, as Node's pipes are, and SHLVL is unset, as under cron and
 * systemd. zx writes the input without listening for errors: an EPIPE would be an uncaught exception (seen with zx 8.8).
 */
const spawnBash = ((command: string, _args: readonly string[], options: SpawnOptions) => {
  const child = spawn("bash", ["--norc", "-c", command], { ...options, shell: false });
  child.stdin?.on("error", () => {});
  return child;
}) as typeof spawn;
