import { type Command, Option } from "commander";
import { type Add, force, json, lettaStack, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import { filterOptions, isFiltered, type LogFilter } from "../lib/log-filter.ts";
import { type LogsOptions, logOptions, showLogs } from "../lib/logs.ts";
import { readLetta, readThoth, required } from "../lib/stacks.ts";

/** Adds `letta …`, without what other features add to it. @returns the group */
export function addLettaCommands(program: Command, add: Add, deps: Deps): Command {
  const letta = program.command("letta").description("the shared infrastructure").commandsGroup("Letta");
  const start = () => import("./start.ts");
  const logs = async (options: Omit<LogsOptions, "containers"> & { lettaStack: string; thothStack?: string }) => {
    const outputs = required(await readLetta(deps, options.lettaStack), options.lettaStack, "make letta-start");
    // A request of Thoth's goes through its own containers first.
    const isSearch = isFiltered(options) && options.thothStack !== undefined;
    const thoth = isSearch ? await readThoth(deps, options.thothStack ?? "") : undefined;
    return showLogs({ ...options, containers: [...outputs.containers, ...(thoth?.containers ?? [])] }, deps);
  };

  add(
    letta,
    "start",
    "bring the letta stack up, also after a stop or a crash; asks before it takes Letta away from others",
    [lettaStack, force, yes],
    async (options) =>
      (await start()).startLettaAsking({ stack: options.lettaStack, force: options.force, yes: options.yes }, deps),
  );
  add(letta, "stop", "stop it; asks if others use it", [lettaStack, yes], async (options) =>
    (await import("./stop.ts")).stopLetta({ stack: options.lettaStack, yes: options.yes }, deps),
  );
  add(letta, "restart", "stop and start it; asks if others use it", [lettaStack, yes], async (options) =>
    (await start()).restartLetta({ stack: options.lettaStack, yes: options.yes }, deps),
  );
  add(letta, "status", "its services, agents, databases and backups", [lettaStack, json], async (options) =>
    (await import("../status/command.ts")).status({ ...options, scope: "letta" }, deps),
  );
  add<LogFilter>(
    letta,
    "logs [service]",
    "its logs, or those of one service; one request's in all containers of both stacks",
    [lettaStack, thothStack, ...logOptions, ...filterOptions],
    (options, service) => logs({ ...options, service }),
  );
  add(letta, "logs-pg", "the logs of Postgres", [lettaStack, ...logOptions], (options) =>
    logs({ ...options, service: "postgres" }),
  );
  const migrate = "start it, which migrates Letta's database to the configured version";
  add(
    letta,
    "migrate",
    migrate,
    [lettaStack],
    async (options) => (await start()).migrateLetta({ stack: options.lettaStack }, deps),
    "migrate",
  );
  add(letta, "reinit", "set aside a database whose first start was interrupted", [lettaStack], async (options) =>
    (await import("./reinit.ts")).reinitLetta({ stack: options.lettaStack }, deps),
  );
  add<{ confirm?: string; folder?: string; withoutExport: boolean; dryRun: boolean }>(
    letta,
    "start-over",
    "delete the stack's data, backups and secrets, after a last export",
    [
      lettaStack,
      new Option("--confirm <stack>", "the stack's name: agrees without a question"),
      new Option("--folder <folder>", "where the last export goes; default: in .state/exports"),
      new Option("--without-export", "delete although no export can be taken").default(false),
      new Option("--dry-run", "print the plan and change nothing").default(false),
    ],
    async ({ lettaStack: stack, ...options }) =>
      (await import("./start-over.ts")).startOver({ ...options, stack }, deps),
  );
  return letta;
}
