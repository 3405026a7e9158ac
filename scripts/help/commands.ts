import type { Command } from "commander";
import type { Add } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { MakeCommand } from "../lib/make.ts";

/** Adds the commands that list commands; `commands` is complete by the time one of them runs. */
export function addHelpCommands(program: Command, add: Add, deps: Deps, commands: readonly MakeCommand[]): void {
  program.commandsGroup("Everyday");
  add(program, "help", "this list", [], async () => (await import("./help.ts")).showHelp(commands, deps));
  program.commandsGroup("Development");
  const docs = "write docs/commands.md and the checks in docs/troubleshooting.md";
  add(program, "docs", docs, [], async () => (await import("./reference.ts")).writeReference(commands, deps));
  program.commandsGroup("");
  add(program, "environment", "lines for a shell: environment, aliases and completion", [], async () =>
    (await import("./environment.ts")).printEnvironment(commands),
  );
}
