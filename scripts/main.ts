import { remoteEngine } from "../infra/lib/docker/host.ts";
import { UserError } from "../infra/lib/errors.ts";
import { realDeps } from "./lib/deps.ts";
import { redact } from "./lib/format.ts";
import { makeArguments } from "./lib/make.ts";
import { buildProgram } from "./program.ts";

let typed = "";
const deps = realDeps(() => typed);
const { program, commands } = buildProgram(deps, {
  begin: async (text, stacks) => {
    typed = text;
    if (remoteEngine() !== undefined) await (await import("./lib/remote-engine.ts")).reachRemoteEngine(stacks, deps);
  },
  end: (exitCode) => {
    process.exitCode = exitCode;
  },
});

try {
  const [first, target = "", ...assignments] = process.argv.slice(2);
  const args = first === "make" ? makeArguments(commands, target, assignments) : process.argv.slice(2);
  await program.parseAsync(args, { from: "user" });
} catch (error) {
  console.error(redact(`error: ${describe(error)}`));
  process.exitCode = 1;
}

/** What the operator can fix is described without a stack trace; anything else is a bug. */
function describe(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
