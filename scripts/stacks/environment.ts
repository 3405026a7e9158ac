import { projectEnvironment } from "../lib/checkout.ts";
import type { Deps } from "../lib/deps.ts";

/** Prints the project's environment as lines for `eval` in bash and zsh. */
export async function printEnvironment(_deps: Deps): Promise<number> {
  const changed = Object.entries(projectEnvironment()).filter(([name, value]) => process.env[name] !== value);
  // Not through print: these lines are for a shell, and a path may look like something to hide.
  for (const [name, value] of changed) process.stdout.write(`export ${name}='${value.replaceAll("'", `'\\''`)}'\n`);
  return 0;
}
