import { type Command, Option } from "commander";
import { type Add, json, lettaStack, thothStack } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

/** Adds `preview`. */
export function addPreviewCommand(program: Command, add: Add, deps: Deps): void {
  add<{ stack?: string; markdown: boolean }>(
    program,
    "preview",
    "what the next update would change: risk, time away, and who is connected",
    [
      lettaStack,
      thothStack,
      new Option("--stack <name>", "only this stack; default: both"),
      json,
      new Option("--markdown", "print Markdown, for a comment on a pull request").default(false),
    ],
    async (options) => (await import("./preview.ts")).preview(options, deps),
  );
}
