import { UserError } from "../../infra/lib/errors.ts";
import { storeState } from "./backup-agent/state.ts";
import type { Deps } from "./deps.ts";

/** What one run of a stack's update says: inherits the terminal, or plain lines where there is none. */
const updateFlags = (deps: Deps) => [
  ...["--yes", "--skip-preview", "--suppress-outputs"],
  ...(deps.isTerminal ? [] : ["--non-interactive", "--color", "never", "--suppress-progress"]),
];

/** Brings a stack up, and keeps its state with its backups. @throws UserError when Pulumi fails; it has said why */
export async function up(deps: Deps, stack: string): Promise<void> {
  await show(deps, ["up", "--stack", stack, ...updateFlags(deps)], `stack ${stack} did not come up`);
  await storeState(deps, stack);
}

/** Like {@link up}, for one who reads only the error: it has Pulumi's diagnostics. */
export async function upTellingWhy(deps: Deps, stack: string): Promise<void> {
  const flags = updateFlags({ ...deps, isTerminal: false });
  const running = deps.$({ nothrow: true })`pulumi up --stack ${stack} ${flags} 2>&1`;
  const lines: string[] = [];
  for await (const line of running) {
    deps.print(line);
    lines.push(line);
  }
  if ((await running).exitCode !== 0) throw new UserError(`stack ${stack} did not come up\n${diagnostics(lines)}`);
  await storeState(deps, stack);
}

/** What Pulumi says between what it did and what it counts. */
function diagnostics(lines: readonly string[]): string {
  const start = lines.findIndex((line) => line.startsWith("Diagnostics:"));
  const end = lines.findIndex((line) => /^(Resources|Duration):/.test(line));
  const said = start === -1 ? lines.slice(-15) : lines.slice(start + 1, end === -1 ? undefined : end);
  return said.filter((line) => line.trim() !== "").join("\n");
}

/** Removes a stack's containers and networks; what is protected, such as data, stays. */
export async function destroy(deps: Deps, stack: string): Promise<void> {
  await show(
    deps,
    ["destroy", "--stack", stack, "--exclude-protected", ...updateFlags(deps)],
    `stack ${stack} was not taken down`,
  );
}

/** Reads what is really there into the stack's state. */
export async function refresh(deps: Deps, stack: string): Promise<void> {
  const flags = ["--clear-pending-creates", ...updateFlags(deps)];
  await show(deps, ["refresh", "--stack", stack, ...flags], `stack ${stack} could not be refreshed`);
}

/** Lets the state give up the volume that Postgres has, unless it is this one already. */
export async function unprotectVolume(deps: Deps, stack: string, wanted: string): Promise<void> {
  const { deployment } = (await exportState(deps, stack)) ?? {};
  const volume = deployment?.resources?.find(
    ({ urn, type }) => type === "docker:index/volume:Volume" && urn.endsWith("::postgres-volume"),
  );
  if (volume?.protect !== true || volume.outputs?.name === wanted) return;
  const result = await deps.$({ nothrow: true })`pulumi state unprotect ${volume.urn} --yes --stack ${stack}`;
  if (result.exitCode !== 0) {
    throw new UserError(`volume ${volume.outputs?.name} could not be given up: ${result.stderr.trim()}`);
  }
}

/** Runs pulumi with the operator watching. */
async function show(deps: Deps, args: readonly string[], failure: string): Promise<void> {
  const result = await deps.$({ stdio: "inherit", nothrow: true })`pulumi ${args}`;
  if (result.exitCode !== 0)
    throw new UserError(`${failure} (pulumi ended with exit code ${result.exitCode}, see above)`);
}

/** A stack's outputs with their secrets in the open, or undefined when the stack is not there or never came up. */
export async function outputs<Result>(deps: Deps, stack: string): Promise<Result | undefined> {
  const result = await deps.$({ nothrow: true })`pulumi stack output --json --show-secrets --stack ${stack}`;
  if (result.exitCode === 0) {
    const values = JSON.parse(result.stdout) as Record<string, unknown>;
    return Object.keys(values).length === 0 ? undefined : (values as Result);
  }
  if (/no stack named|not found/i.test(result.stderr)) return undefined;
  throw new UserError(`the outputs of stack ${stack} cannot be read: ${result.stderr.trim()}`, "make setup");
}

/** Names of the stacks in the backend; empty where the CLI or the backend is not there yet. */
export async function knownStacks(deps: Deps): Promise<string[]> {
  const result = await deps.$({ nothrow: true })`pulumi stack ls --json`;
  return result.exitCode === 0 ? (JSON.parse(result.stdout) as { name: string }[]).map(({ name }) => name) : [];
}

/** What a stack's state tells of an interrupted run. */
export interface StateSummary {
  /** Whether the stack was never brought up, with this state. */
  readonly isEmpty: boolean;
  /** Docker name -> id. */
  readonly containerIds: Map<string, string>;
  readonly pendingOperations: number;
  /** Docker names of the networks that were being made when the run ended. */
  readonly pendingNetworks: readonly string[];
}

/** The container ids and pending operations of a stack's state, or undefined when there is no such stack. */
export async function stateSummary(deps: Deps, stack: string): Promise<StateSummary | undefined> {
  const exported = await exportState(deps, stack);
  if (exported === undefined) return undefined;
  const { deployment = {} } = exported;
  const containers = (deployment.resources ?? []).filter(
    (resource) => resource.type === "docker:index/container:Container",
  );
  const pending = deployment.pending_operations ?? [];
  const networks = pending.filter(
    ({ type, resource }) => type === "creating" && resource?.type === "docker:index/network:Network",
  );
  return {
    isEmpty: (deployment.resources ?? []).length === 0 && pending.length === 0,
    containerIds: new Map(containers.map(({ id, outputs }) => [outputs?.name ?? "", id])),
    pendingOperations: pending.length,
    pendingNetworks: networks.flatMap(({ resource }) => resource?.inputs?.name ?? []),
  };
}

/** A stack's state, or undefined when there is no such stack. */
async function exportState(deps: Deps, stack: string): Promise<StackExport | undefined> {
  const result = await deps.$({ nothrow: true })`pulumi stack export --stack ${stack}`;
  return result.exitCode === 0 ? (JSON.parse(result.stdout) as StackExport) : undefined;
}

interface StackExport {
  /** Absent in a stack that was only made. */
  readonly deployment?: {
    readonly resources?: {
      readonly urn: string;
      readonly type: string;
      readonly protect?: boolean;
      readonly id: string;
      readonly outputs?: { readonly name?: string };
    }[];
    readonly pending_operations?: {
      readonly type: string;
      readonly resource?: { readonly type: string; readonly inputs?: { readonly name?: string } };
    }[];
  };
}
