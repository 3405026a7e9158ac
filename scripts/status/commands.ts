import { type Command, Option } from "commander";
import { type Add, json, lettaStack, thothStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

/** Adds `status` and `status-page`. */
export function addStatusCommands(program: Command, add: Add, deps: Deps): void {
  const watch = new Option("--watch", "draw it again every 2 s, until Ctrl-C").default(false);
  add<{ watch: boolean }>(
    program,
    "status",
    "both stacks; fails unless all is healthy",
    [lettaStack, thothStack, json, watch],
    async ({ watch: isWatched, ...options }) => {
      const wanted = { ...options, scope: "all" } as const;
      if (isWatched) return (await import("./watch.ts")).watchStatus(wanted, deps);
      return (await import("./command.ts")).status(wanted, deps);
    },
  );
  add<{ showSecrets: boolean }>(
    program,
    "status-page",
    "where the status page is; opens it where there is a display",
    [lettaStack, new Option("--show-secrets", "print its token").default(false)],
    async (options) => (await import("./page.ts")).showPage(options, deps),
  );
}
