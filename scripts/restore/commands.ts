import { type Command, Option } from "commander";
import { type Add, json, lettaStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { TargetOptions } from "./target.ts";

interface Moment extends TargetOptions {
  readonly dryRun: boolean;
}

/** Adds `restore …` and `drill`. */
export function addRestoreCommands(program: Command, add: Add, deps: Deps): void {
  const restore = program.command("restore").description("bring data back").commandsGroup("Restore");
  const dryRun = new Option("--dry-run", "print the plan and change nothing").default(false);
  const moment = [
    new Option("--at <time>", "a moment, e.g. 2026-11-24T10:00:00Z"),
    new Option("--point <name>", "a named restore point"),
    new Option("--latest", "everything that was written"),
  ];
  add<Moment>(
    restore,
    "server",
    "all databases, as of a moment, a restore point or the last write",
    [lettaStack, ...moment, dryRun, yes],
    async ({ lettaStack: stack, ...options }) =>
      (await import("./server.ts")).restoreServer({ ...options, stack }, deps),
    "restore",
  );
  add<Moment>(
    restore,
    "project <project>",
    "one database, a project's or letta, while all others stay in use",
    [lettaStack, ...moment, dryRun, yes],
    async ({ lettaStack: stack, ...options }, project = "") =>
      (await import("./project.ts")).restoreProject({ ...options, stack, project }, deps),
    "restore",
  );
  add<Moment & { tables: string }>(
    restore,
    "tables <project>",
    "some tables of a database, into a new schema of it",
    [
      ...[lettaStack, ...moment, dryRun],
      new Option("--tables <names>", "their names, separated by commas").makeOptionMandatory(),
    ],
    async ({ lettaStack: stack, ...options }, project = "") =>
      (await import("./project.ts")).restoreTables({ ...options, stack, project }, deps),
    "restore",
  );
  add<{ project?: string; dryRun: boolean }>(
    restore,
    "undo",
    "go back to the data from before the last restore",
    [lettaStack, new Option("--project <name>", "undo the last restore of this database alone"), dryRun, yes],
    async ({ lettaStack: stack, project, ...options }) =>
      project === undefined
        ? (await import("./server.ts")).undoServerRestore({ ...options, stack }, deps)
        : (await import("./project.ts")).undoProjectRestore({ ...options, stack, project }, deps),
  );
  add(restore, "resume", "resume a restore that was interrupted", [lettaStack], async ({ lettaStack: stack }) =>
    (await import("./resume.ts")).resumeRestore({ stack }, deps),
  );
  add<{ point?: string }>(
    program,
    "drill",
    "restore into scratch space next to the running stack, and check the result",
    [lettaStack, new Option("--point <name>", "a restore point; default: the newest heartbeat"), json],
    async ({ lettaStack: stack, ...options }) => (await import("./drill.ts")).drill({ ...options, stack }, deps),
  );
}
