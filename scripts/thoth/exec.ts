import { thothReference } from "../../infra/config/thoth.ts";
import { UserError } from "../../infra/lib/errors.ts";
import { readImageFile } from "../../infra/lib/image-files.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { secretsWrapper } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import { readConfigFile } from "../lib/stack-file.ts";
import { type LettaStack, projectEndpoint, readLetta, readThoth, required } from "../lib/stacks.ts";

/** Else a command's answer comes after a screen of what Thoth logs when it starts. */
const quiet = ["LOGURU_LEVEL=WARNING", "THOTH_LOG_LEVEL=WARNING"];

export interface ExecOptions {
  readonly stack: string;
  /** What follows `thoth` on its own command line, as a shell reads it, e.g. `users list`. */
  readonly command: string;
}

/** Runs Thoth's own command line in the API's container, with the API's environment. Returns its exit code. */
export async function execThoth({ stack, command }: ExecOptions, deps: Deps): Promise<number> {
  const { container, isMultiUser } = await realThoth(stack, deps);
  const tty = deps.isTerminal ? ["--tty"] : [];
  const program = ["sh", secretsWrapper, "env", ...quiet, "sh", "-c", `exec python -m thoth ${command}`];
  const run = deps.$({ stdio: "inherit", nothrow: true });
  const { exitCode } = await run`docker exec --interactive ${tty} ${container} ${program}`;
  // It may have made a user.
  if (isMultiUser) await runScript("user_settings.py", ["python", "-IS", "-"], container, deps);
  return exitCode ?? 1;
}

/** Runs a script of images/thoth-published in Thoth's container, and prints what it changed. */
async function runScript(name: string, program: readonly string[], container: string, deps: Deps): Promise<void> {
  const input = readImageFile(`thoth-published/${name}`);
  const output = await deps.engine.dockerOutput(["exec", "--interactive", container, ...program], { input });
  const changes = output.split("\n").filter((line) => /^(made|set|removed) /.test(line));
  for (const change of changes) deps.print(change);
}

export interface SetupOptions {
  readonly stack: string;
  readonly lettaStack: string;
  /** Handle of the agents' model, as Letta lists it. */
  readonly model: string;
}

/**
 * Completes the vault from what Thoth's image has, and keeps the files that are there; only the agents' model is changed. Then
 * Thoth has to start again to make its agents.
 *
 * @throws UserError when Letta has no such model
 */
export async function setUpVault({ stack, lettaStack, model }: SetupOptions, deps: Deps): Promise<number> {
  const { container } = await realThoth(stack, deps);
  await requireModel(model, stack, required(await readLetta(deps, lettaStack), lettaStack, "make letta-start"), deps);
  await runScript("setup.py", ["sh", secretsWrapper, "python", "-", model], container, deps);
  deps.print("the vault is complete: make thoth-restart");
  return 0;
}

/** Thoth would make no agents with a model that Letta does not have. @throws UserError */
async function requireModel(model: string, stack: string, letta: LettaStack, deps: Deps): Promise<void> {
  const { project } = thothReference.parse(readConfigFile(deps, stack));
  const models = await lettaJson<{ handle: string }[]>(projectEndpoint(letta, project), "GET", "/v1/models/");
  if (models.some(({ handle }) => handle === model)) return;
  throw new UserError(`Letta has no model ${model}`, "make models lists those that it has");
}

/** The API's container. @throws UserError while the stand-in runs */
async function realThoth(stack: string, deps: Deps): Promise<{ container: string; isMultiUser: boolean }> {
  const { isStandIn, roles, isMultiUser } = required(await readThoth(deps, stack), stack, "make thoth-start");
  if (!isStandIn) return { container: required(roles.api, stack, "make thoth-start"), isMultiUser };
  throw new UserError(
    "the stand-in has no command line and no set-up, the real Thoth has",
    "docs/thoth.md says how to run it",
  );
}
