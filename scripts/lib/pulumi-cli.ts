import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "./deps.ts";

interface PulumiCall {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs Pulumi without a terminal; `input` is what it reads.
 *
 * @returns what it prints, which may be secret
 * @throws UserError with what it says on its standard error
 */
export async function pulumi(deps: Deps, args: readonly string[], input = ""): Promise<string> {
  return printed(args, await call(deps, args, input));
}

/**
 * Runs a command of Pulumi on a stack. @returns what it prints, or undefined when the backend has no such stack
 *
 * @throws UserError when Pulumi fails for any other reason
 */
export async function pulumiOfStack(deps: Deps, stack: string, args: readonly string[]): Promise<string | undefined> {
  const result = await call(deps, [...args, "--stack", stack]);
  // Pulumi's message does not distinguish the two: a missing program is "not found" too.
  if (result.exitCode !== 0 && !(await knownStacks(deps)).includes(stack)) return undefined;
  return printed([...args, "--stack", stack], result);
}

/** Names of the stacks in the backend. @throws UserError when the CLI or the backend does not answer */
export async function knownStacks(deps: Deps): Promise<string[]> {
  const text = await pulumi(deps, ["stack", "ls", "--json"]);
  return (JSON.parse(text) as { name: string }[]).map(({ name }) => name);
}

function call(deps: Deps, args: readonly string[], input = ""): Promise<PulumiCall> {
  return deps.$({ nothrow: true, input })`pulumi ${args}`;
}

function printed(args: readonly string[], { exitCode, stdout, stderr }: PulumiCall): string {
  if (exitCode === 0) return stdout;
  if (exitCode === 127) throw new UserError("the Pulumi CLI is not on PATH", "make setup");
  const problem = `pulumi ${args.filter((word) => !word.startsWith("--")).join(" ")} failed: ${stderr.trim()}`;
  throw new UserError(problem, likelyFix(stderr));
}

/** The usual fix for an error of Pulumi; undefined if its message has to do. */
function likelyFix(stderr: string): string | undefined {
  if (/passphrase/i.test(stderr))
    return "put the stack's passphrase back into .state/passphrase or PULUMI_CONFIG_PASSPHRASE";
  if (/unable to open bucket|\.pulumi\/meta\.yaml/i.test(stderr)) return "make setup, or correct PULUMI_BACKEND_URL";
  return undefined;
}
