import { type Command, Option } from "commander";
import { type Add, lettaStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

/** Adds `chat`. */
export function addChatCommands(program: Command, add: Add, deps: Deps): void {
  const options = [
    lettaStack,
    new Option("--project <name>", "whose agent it is; default: the first of thoth-letta:projects"),
    new Option("--agent <name>", "the agent's name; it is made if there is none").default("chat"),
    new Option("--model <handle>", "its model from now on, of those that make models lists"),
  ];
  add<{ project?: string; agent: string; model?: string }>(
    program,
    "chat",
    "talk to an agent in the terminal; Ctrl-D ends it",
    options,
    async (given) => (await import("./chat.ts")).chat(given, deps),
  );
}
