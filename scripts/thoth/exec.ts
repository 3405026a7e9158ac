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
  const container = await apiContainer(stack, deps);
  const tty = deps.isTerminal ? ["--tty"] : [];
  const program = ["sh", secretsWrapper, "env", ...quiet, "sh", "-c", `exec python -m thoth ${command}`];
  const run = deps.$({ stdio: "inherit", nothrow: true });
  return (await run`docker exec --interactive ${tty} ${container} ${program}`).exitCode ?? 1;
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
  const container = await apiContainer(stack, deps);
  await requireModel(model, stack, required(await readLetta(deps, lettaStack), lettaStack, "make letta-start"), deps);
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

/** Thoth would make no agents with a model that Letta does not have. @throws UserError */
async function requireModel(model: string, stack: string, letta: LettaStack, deps: Deps): Promise<void> {
  const { project } = thothReference.parse(readConfigFile(deps, stack));
  const models = await lettaJson<{ handle: string }[]>(projectEndpoint(letta, project), "GET", "/v1/models/");
  if (models.some(({ handle }) => handle === model)) return;
  throw new UserError(`Letta has no model ${model}`, "make models lists those that it has");
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
