import { type Command, Option } from "commander";
import { type Add, force, json, lettaStack, type Options, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import { logOptions, showLogs } from "../lib/logs.ts";
import { readThoth, required } from "../lib/stacks.ts";

/** Adds `thoth …`. */
export function addThothCommands(program: Command, add: Add, deps: Deps): void {
  const thoth = program.command("thoth").description("the Thoth research assistant").commandsGroup("Thoth");
  const stacks = [thothStack, lettaStack];
  const start = () => import("./start.ts");
  const namesOf = (options: Options) => ({
    stack: options.thothStack,
    lettaStack: options.lettaStack,
    yes: options.yes,
  });
  add(thoth, "start", "bring Thoth up; asks to start Letta if that is down", [...stacks, yes, force], async (options) =>
    (await start()).startThoth({ ...namesOf(options), force: options.force }, deps),
  );
  add(thoth, "stop", "stop Thoth; Letta is not touched", [thothStack], async (options) =>
    (await start()).stopThoth({ stack: options.thothStack }, deps),
  );
  add(
    thoth,
    "restart",
    "bring Thoth up to date, then restart it; Letta is not touched",
    [...stacks, yes],
    async (options) => (await start()).restartThoth(namesOf(options), deps),
  );
  add(thoth, "status", "its roles, and the Letta it stands on", [...stacks, json], async (options) =>
    (await import("../status/command.ts")).status({ ...options, scope: "thoth" }, deps),
  );
  add(thoth, "exec <cmd>", "run Thoth's own command line, e.g. CMD='users list'", [thothStack], async (options, cmd) =>
    (await import("./exec.ts")).execThoth({ stack: options.thothStack, command: cmd ?? "" }, deps),
  );
  const model = new Option("--model <handle>", "the agents' model, as Letta lists it").makeOptionMandatory();
  add<{ model: string }>(
    thoth,
    "setup",
    "complete the real Thoth's vault from its image",
    [model, thothStack, lettaStack],
    async ({ thothStack: stack, lettaStack: letta, model: handle }) =>
      (await import("./exec.ts")).setUpVault({ stack, lettaStack: letta, model: handle }, deps),
  );
  add(thoth, "logs [role]", "its logs, or those of one role", [thothStack, ...logOptions], async (options, service) => {
    const { containers, roles } = required(
      await readThoth(deps, options.thothStack),
      options.thothStack,
      "make thoth-start",
    );
    return showLogs({ ...options, service, containers, roles }, deps);
  });
}
