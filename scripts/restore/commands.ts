import { type Command, Option } from "commander";
import { UserError } from "../../infra/lib/errors.ts";
import { type Add, json, lettaStack, type Options, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";

interface RestoreFlags {
  to?: string;
  name?: string;
  project?: string;
  tables?: string;
  drill?: boolean;
  resume?: boolean;
  dryRun: boolean;
}

const usage = [
  "",
  "  restore latest                        the whole server, with everything that was written",
  '  restore --to "2026-11-24 10:00:00Z"   the whole server, as it was then',
  "  restore --name POINT                  the whole server, as it was at a named point",
  "  restore … --project NAME              one database alone, beside the others",
  "  restore … --project NAME --tables a,b some of its tables, into a schema of their own",
  "  restore undo [--project NAME]         back to what was there before the last restore",
  "  restore --drill [--to POINT]          a rehearsal, which changes nothing",
];

/** Adds `restore …`. */
export function addRestoreCommands(program: Command, add: Add, deps: Deps): void {
  const options = [
    lettaStack,
    new Option("--to <time>", "a moment, e.g. 2026-11-24T10:00:00Z; of a rehearsal, a point"),
    new Option("--name <point>", "a named point"),
    new Option("--project <name>", "one database alone: a project's, or letta"),
    new Option("--tables <names>", "of the project only these tables, parted by commas"),
    new Option("--drill", "rehearse it, and change nothing"),
    new Option("--resume", "go on with a restore that was interrupted"),
    new Option("--dry-run", "show what would be done").default(false),
    yes,
    json,
  ];
  const description = "bring data back: latest, undo, or a moment by --to or --name";
  add<RestoreFlags>(program, "restore [what]", description, options, (given, what) => restore(given, what, deps));
  program.commands.at(-1)?.addHelpText("after", usage.join("\n"));
}

async function restore(given: Options & RestoreFlags, what: string | undefined, deps: Deps): Promise<number> {
  const { lettaStack: stack, json: isJson, to, project, tables } = given;
  if (given.drill) return (await import("./drill.ts")).drill({ stack, json: isJson, to: to ?? given.name }, deps);
  if (given.resume) return (await import("./resume.ts")).resumeRestore({ stack }, deps);
  const options = { stack, yes: given.yes, dryRun: given.dryRun, to, name: given.name };
  if (tables !== undefined && project === undefined) {
    throw new UserError("--tables needs the database that they are of", "--project NAME");
  }
  if (what === "undo") {
    if (project === undefined) return (await import("./undo.ts")).undoServerRestore(options, deps);
    return (await import("./undo-project.ts")).undoProjectRestore({ ...options, project }, deps);
  }
  if (project === undefined) return (await import("./server.ts")).restoreServer({ ...options, what }, deps);
  return (await import("./project.ts")).restoreProject({ ...options, what, project, tables }, deps);
}
