import { UserError } from "../../infra/lib/errors.ts";
import { readImageFile } from "../../infra/lib/image-files.ts";
import { secretsWrapper } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { readThoth, required } from "../lib/stacks.ts";

export interface ExecOptions {
  readonly stack: string;
  /** What follows `thoth` on its own command line, as a shell reads it, e.g. `users list`. */
  readonly command: string;
}

/** Runs Thoth's own command line in the API's container, with the API's environment. Returns its exit code. */
export async function execThoth({ stack, command }: ExecOptions, deps: Deps): Promise<number> {
  const container = await apiContainer(stack, deps);
  const tty = deps.isTerminal ? ["--tty"] : [];
  const program = ["sh", secretsWrapper, "sh", "-c", `exec python -m thoth ${command}`];
  const run = deps.$({ stdio: "inherit", nothrow: true });
  return (await run`docker exec --interactive ${tty} ${container} ${program}`).exitCode ?? 1;
}

export interface SetupOptions {
  readonly stack: string;
  /** Handle of the agents' model, as Letta lists it; for settings that name none. */
  readonly model: string;
}

/** Completes the vault from what Thoth's image has; keeps what is there. Then Thoth has to start again to make its agents. */
export async function setUpVault({ stack, model }: SetupOptions, deps: Deps): Promise<number> {
  const container = await apiContainer(stack, deps);
  const program = ["sh", secretsWrapper, "python", "-", model];
  const input = readImageFile("thoth-published/setup.py");
  const made = await deps.engine.dockerOutput(["exec", "--interactive", container, ...program], { input });
  for (const line of made
    .trim()
    .split("\n")
    .filter((text) => /^(made|set) /.test(text)))
    deps.print(line);
  deps.print("the vault is complete: make thoth-restart");
  return 0;
}

/** @throws UserError while the stand-in runs */
async function apiContainer(stack: string, deps: Deps): Promise<string> {
  const thoth = required(await readThoth(deps, stack), stack, "make thoth-start");
  if (!thoth.isStandIn) return required(thoth.roles.api, stack, "make thoth-start");
  throw new UserError(
    "the stand-in has no command line and no set-up, the real Thoth has",
    "docs/thoth.md says how to run it",
  );
}
