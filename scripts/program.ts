import { Command, Option } from "commander";
import { addAdoptCommands } from "./adopt/commands.ts";
import { addBackupCommands, addRecoverCommand } from "./backup/commands.ts";
import { addChatCommands } from "./chat/commands.ts";
import { addDevCommands } from "./dev/commands.ts";
import { addDevelopCommands } from "./develop/commands.ts";
import { addHelpCommands } from "./help/commands.ts";
import { addLettaCommands } from "./letta/commands.ts";
import { adder, force, type Hooks, json, lettaStack, thothStack, yes } from "./lib/cli.ts";
import type { Deps } from "./lib/deps.ts";
import type { MakeCommand } from "./lib/make.ts";
import { addModelCommands } from "./models/commands.ts";
import { addPreviewCommand } from "./preview/commands.ts";
import { addProjectCommands } from "./projects/commands.ts";
import { addRestoreCommands } from "./restore/commands.ts";
import { addStatusCommands } from "./status/commands.ts";
import { addThothCommands } from "./thoth/commands.ts";
import { addUpgradeCommands } from "./upgrade/commands.ts";

/** The CLI with all commands: the list from which make, the aliases, completion and docs/commands.md come. */
export function buildProgram(deps: Deps, hooks: Hooks): { program: Command; commands: readonly MakeCommand[] } {
  const program = new Command("thoth-letta")
    .description("Letta as shared infrastructure, and Thoth on top of it")
    .helpCommand(false)
    .showHelpAfterError();
  const commands: MakeCommand[] = [];
  const add = adder(commands, hooks);
  const stacks = [lettaStack, thothStack];

  program.commandsGroup("Everyday");
  add(program, "setup", "install, build or pull what is missing", stacks, async (options) =>
    (await import("./setup/setup.ts")).setup(options, deps),
  );
  add(program, "up", "setup, then both stacks from nothing to healthy", [...stacks, force, yes], async (options) =>
    (await import("./stacks/both.ts")).upAll(options, deps),
  );
  add(program, "down", "remove the containers of both stacks; data is kept", stacks, async (options) =>
    (await import("./stacks/both.ts")).down(options, deps),
  );
  add<{ fix: boolean }>(
    program,
    "doctor",
    "look for what is wrong with both stacks, and name the command that fixes it; exit code 1: warnings, 2: errors",
    [...stacks, json, new Option("--fix", "repair what has no risk").default(false)],
    async (options) => (await import("./doctor/doctor.ts")).doctor(options, deps),
  );
  addStatusCommands(program, add, deps);
  addPreviewCommand(program, add, deps);
  addModelCommands(program, add, deps);
  addChatCommands(program, add, deps);

  const letta = addLettaCommands(program, add, deps);
  addUpgradeCommands(letta, add, deps);
  addRecoverCommand(letta, add, deps);
  addThothCommands(program, add, deps);
  addDevCommands(program, add, deps);
  program.commandsGroup("Moving over");
  addAdoptCommands(program, add, deps);
  program.commandsGroup("Backups");
  addBackupCommands(program, add, deps);
  program.commandsGroup("Restore");
  addRestoreCommands(program, add, deps);
  addProjectCommands(letta, add, deps);
  program.commandsGroup("Development");
  addDevelopCommands(program, add, deps);
  addHelpCommands(program, add, deps, commands);
  return { program, commands };
}
