import { Command, Option } from "commander";
import { UserError } from "../infra/lib/errors.ts";
import { addBackupCommands } from "./backup/commands.ts";
import { adder, json, keyFile, lettaStack, type Options, thothStack, yes } from "./lib/cli.ts";
import { realDeps } from "./lib/deps.ts";
import { redact } from "./lib/redact.ts";
import { addProjectCommands } from "./projects/commands.ts";
import { addRestoreCommands } from "./restore/commands.ts";
import { addUpgradeCommands } from "./upgrade/commands.ts";

const deps = realDeps(`make ${process.argv.slice(2).join("-")}`);
const program = new Command("thoth-letta")
  .description("Letta as shared infrastructure, and Thoth on top of it")
  .showHelpAfterError();

const add = adder((code) => {
  process.exitCode = code;
});
const stacks = [lettaStack, thothStack];

add(program, "setup", "install, build or pull what is missing", stacks, async (options) =>
  (await import("./setup/setup.ts")).setup(options, deps),
);
add(program, "up", "setup, then both stacks, then their status", stacks, async (options) =>
  (await import("./stacks/up.ts")).upAll(options, deps),
);
add(program, "down", "remove the containers of both stacks; data is kept", stacks, async (options) =>
  (await import("./stacks/down.ts")).down(options, deps),
);
add(program, "status", "both stacks; exit code 0 only when all is healthy", [...stacks, json], async (options) =>
  (await import("./status/command.ts")).status({ ...options, scope: "all" }, deps),
);
add(
  program,
  "test [file]",
  "all tests, or those of one file: types, lint, unit, and both stacks on the real engine",
  [],
  async (_, file) => (await import("./develop/test.ts")).test(file, deps),
);
add(
  program,
  "chaos [file]",
  "kills, faults and lost volumes, on stacks of their own; takes an hour",
  [],
  async (_, file) => (await import("./develop/chaos.ts")).chaos(file, deps),
);
add(program, "bench", "the figures of docs/figures.md, measured on stacks of their own", [], async () =>
  (await import("./develop/bench.ts")).bench(deps),
);
add(
  program,
  "images-lock",
  "ask the registry for the digests of the pinned images",
  [new Option("--mirror <prefix>", "a mirror of the registry").env("THOTH_LETTA_MIRROR")],
  async (options) => (await import("./images/registry.ts")).lockImages(options, deps),
);
add(program, "environment", "the shell lines that make plain pulumi work here", [], async () =>
  (await import("./stacks/environment.ts")).printEnvironment(deps),
);

const logOptions = [
  new Option("-f, --follow", "show lines as they come").default(false),
  new Option("-n, --tail <lines>", "lines of each container").default("100"),
  new Option("--since <time>", "e.g. 10m, or a timestamp"),
];

const letta = program.command("letta").description("the shared infrastructure");
add(letta, "start", "bring the letta stack up, also after a stop or a crash", [lettaStack], async (options) =>
  (await import("./letta/start.ts")).startLetta({ stack: options.lettaStack }, deps),
);
add(letta, "stop", "stop the letta stack; refuses while others use it", [lettaStack, yes], async (options) =>
  (await import("./letta/stop.ts")).stopLetta({ stack: options.lettaStack, yes: options.yes }, deps),
);
add(
  letta,
  "restart",
  "stop and start the letta stack; refuses while others use it",
  [lettaStack, yes],
  async (options) =>
    (await import("./letta/restart.ts")).restartLetta({ stack: options.lettaStack, yes: options.yes }, deps),
);
addUpgradeCommands(letta, add, deps);
addProjectCommands(letta, add, deps);
add(letta, "reinit", "put a cluster aside whose first start was interrupted", [lettaStack], async (options) =>
  (await import("./letta/reinit.ts")).reinitLetta({ stack: options.lettaStack }, deps),
);
add<{ keyFile?: string }>(
  letta,
  "recover",
  "take the state of a letta stack, which was lost, from its backups",
  [lettaStack, keyFile],
  async (options) =>
    (await import("./backup/recover.ts")).recoverLetta({ stack: options.lettaStack, keyFile: options.keyFile }, deps),
);
add(letta, "status", "the letta stack", [...stacks, json], async (options) =>
  (await import("./status/command.ts")).status({ ...options, scope: "letta" }, deps),
);
add(letta, "logs [service]", "logs of all services or one", [lettaStack, ...logOptions], async (options, service) =>
  (await import("./letta/logs.ts")).lettaLogs({ ...options, ...(service && { service }) }, deps),
);

const thoth = program.command("thoth").description("the Thoth research assistant");
add(thoth, "start", "bring Thoth up, and Letta first when it is down", [...stacks, yes], async (options) =>
  (await import("./thoth/start.ts")).startThoth(thothOptions(options), deps),
);
add(thoth, "stop", "stop Thoth; Letta is not touched", [thothStack], async (options) =>
  (await import("./thoth/stop.ts")).stopThoth({ stack: options.thothStack }, deps),
);
add(thoth, "restart", "stop and start Thoth; Letta is not touched", [...stacks, yes], async (options) =>
  (await import("./thoth/restart.ts")).restartThoth(thothOptions(options), deps),
);
add(thoth, "status", "the thoth stack", [...stacks, json], async (options) =>
  (await import("./status/command.ts")).status({ ...options, scope: "thoth" }, deps),
);
add(thoth, "logs [role]", "logs of all roles or one", [thothStack, ...logOptions], async (options, service) =>
  (await import("./thoth/logs.ts")).thothLogs({ ...options, ...(service && { service }) }, deps),
);

addBackupCommands(program, add, deps);
addRestoreCommands(program, add, deps);

function thothOptions(options: Options) {
  return { stack: options.thothStack, lettaStack: options.lettaStack, yes: options.yes };
}

try {
  await program.parseAsync();
} catch (error) {
  const text =
    error instanceof UserError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  console.error(redact(`error: ${text}`));
  process.exitCode = 1;
}
