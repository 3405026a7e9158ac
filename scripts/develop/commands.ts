import { type Command, Option } from "commander";
import type { Add } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

/** Adds the commands of those who work on this project. */
export function addDevelopCommands(program: Command, add: Add, deps: Deps): void {
  add(
    program,
    "test [only]",
    "all tests, on separate stacks next to yours, or one file: ONLY=crash",
    [],
    async (_, file) => (await import("./test.ts")).test(file, deps),
  );
  add(program, "check", "types, lint, dependencies and unit tests", [], async () =>
    (await import("./runs.ts")).check(deps),
  );
  add(
    program,
    "chaos [only]",
    "kills, faults and lost volumes, for an hour, or one file: ONLY=crash",
    [],
    async (_, file) => (await import("./runs.ts")).chaos(file, deps),
  );
  add(program, "bench", "measure the figures of docs/figures.md on this machine", [], async () =>
    (await import("./runs.ts")).bench(deps),
  );
  add(
    program,
    "images-lock",
    "pin the registry images by their current digests",
    [new Option("--mirror <prefix>", "a mirror of the registry").env("THOTH_LETTA_MIRROR")],
    async (options) => (await import("../images/registry.ts")).lockImages(options, deps),
  );
}
