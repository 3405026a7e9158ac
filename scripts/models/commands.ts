import type { Command } from "commander";
import { type Add, json, lettaStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

/** Adds `models`. */
export function addModelCommands(program: Command, add: Add, deps: Deps): void {
  const description = "what each model provider gives Letta, and what is wrong with one that gives nothing";
  add(program, "models", description, [lettaStack, json], async (options) =>
    (await import("./list.ts")).listModels(options, deps),
  );
}
