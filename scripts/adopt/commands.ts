import { type Command, InvalidArgumentError, Option } from "commander";
import { type Add, lettaStack, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { AdoptOptions } from "./adopt.ts";

interface Given extends Omit<AdoptOptions, "stack" | "thothStack" | "volume"> {
  readonly fromVolume?: string;
}

/** Adds `adopt` and `adopt undo`. */
export function addAdoptCommands(program: Command, add: Add, deps: Deps): void {
  const adopt = program
    .command("adopt")
    .description("move over from an older installation")
    .commandsGroup("Moving over");
  add<Given>(
    adopt,
    "installation",
    "take over an older installation of Letta: compose's, or a container of Letta's image; resumes an interrupted one",
    [
      ...[lettaStack, thothStack],
      new Option(
        "--from-volume <volume>",
        "Docker volume or folder with its Postgres; default: what its containers have",
      ),
      new Option("--image <reference>", "image with its Postgres; default: its container's"),
      new Option("--without <databases>", "databases not to take, separated by commas")
        .default([])
        .argParser((value: string) => value.split(",")),
      new Option("--replace", "the stack has agents already: put the adopted ones in their place").default(false),
      new Option("--dry-run", "print the plan and change nothing").default(false),
      new Option("--drain-seconds <n>", "how long to wait for runs at work; 0: not at all")
        .default(300)
        .argParser(seconds),
      yes,
    ],
    async ({ lettaStack: stack, thothStack, fromVolume: volume, ...options }) =>
      (await import("./adopt.ts")).adopt({ ...options, stack, thothStack, volume }, deps),
    "adopt",
  );
  add(
    adopt,
    "undo",
    "bring the older installation back as it was found; the stacks go down and keep their data",
    [lettaStack, yes],
    async (options) => (await import("./undo.ts")).undoAdoption({ stack: options.lettaStack, yes: options.yes }, deps),
  );
}

function seconds(value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new InvalidArgumentError("It is a number of seconds.");
}
