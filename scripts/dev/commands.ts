import { type Command, Option } from "commander";
import { type Add, json, lettaStack, type Options, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import { logOptions, showLogs } from "../lib/logs.ts";
import { readThoth, required } from "../lib/stacks.ts";

/** The stack that `dev` makes. */
const devStack = "thoth-dev";

/** Adds `dev` and `dev …`: Thoth a second time on the same Letta, from a folder of sources. */
export function addDevCommands(program: Command, add: Add, deps: Deps): void {
  const dev = program
    .command("dev")
    .description("Thoth from a folder of sources")
    .commandsGroup("Thoth, in development");
  const running = async () => required(await readThoth(deps, devStack), devStack, "make dev");
  add<{ source?: string }>(
    dev,
    "start",
    "bring up a second Thoth from a folder of sources, which reloads what changes there; Letta goes on",
    [
      ...[lettaStack, thothStack],
      new Option("--source <folder>", "its sources; default: those of before, at first the stand-in's"),
      yes,
    ],
    async ({ lettaStack: letta, thothStack: like, ...options }) =>
      (await import("./start.ts")).startDev({ ...options, stack: devStack, lettaStack: letta, like }, deps),
    "dev",
  );
  add(dev, "stop", "stop it; its database stays, and Letta and the other Thoth are not touched", [], async () =>
    (await import("../thoth/start.ts")).stopThoth({ stack: devStack, command: "make dev" }, deps),
  );
  add(dev, "status", "its roles, and the Letta it stands on", [lettaStack, json], async (options) =>
    (await import("../status/command.ts")).status({ ...options, thothStack: devStack, scope: "thoth" }, deps),
  );
  add(dev, "logs [role]", "its logs, or those of one role", logOptions, async (options: Options, service) => {
    const { containers, roles } = await running();
    return showLogs({ ...options, service, containers, roles }, deps);
  });
  add(
    dev,
    "db-clone",
    "replace its database by a copy of the other Thoth's",
    [lettaStack, thothStack, yes],
    async ({ lettaStack: letta, thothStack: like, yes: agreed }) =>
      (await import("./db-clone.ts")).cloneDatabase({ stack: devStack, lettaStack: letta, like, yes: agreed }, deps),
  );
}
