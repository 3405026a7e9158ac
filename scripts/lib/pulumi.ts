import { UserError } from "../../infra/lib/errors.ts";
import { exportInTheOpen, storeState } from "./backup-agent/state.ts";
import type { Deps } from "./deps.ts";
import { keepLastUpdate, lastUpdateOf, readLastUpdate } from "./last-update/record.ts";
import { programOf } from "./last-update/unchanged.ts";
import { pulumi, pulumiOfStack } from "./pulumi-cli.ts";
import { type Deployment, readStateFile } from "./state-file.ts";

/** On a terminal Pulumi draws its progress; elsewhere it prints plain lines. */
const updateFlags = (deps: Deps) => [
  ...["--yes", "--skip-preview", "--suppress-outputs"],
  ...(deps.isTerminal ? [] : ["--non-interactive", "--color", "never", "--suppress-progress"]),
];

/** Brings a stack up, stores its state with its backups, and records the update. @throws UserError when Pulumi fails */
export async function up(deps: Deps, stack: string): Promise<void> {
  const program = await programOf(deps, stack);
  await show(deps, ["up", "--stack", stack, ...updateFlags(deps)], `stack ${stack} did not come up`);
  const state = await readStateFile(deps, stack);
  let exported: Promise<string> | undefined;
  const read = () => {
    exported ??= exportInTheOpen(deps, stack);
    return exported;
  };
  // An update whose state is not stored is not complete: the next one tries again.
  if (!(await storeState(deps, stack, read)) || state === undefined) return;
  const { deployment } = JSON.parse(await read()) as StackExport;
  await keepLastUpdate(deps, stack, { state: state.hash, program }, lastUpdateOf(deployment));
}

/** Removes a stack's containers and networks; protected resources, such as data, stay. */
export async function destroy(deps: Deps, stack: string): Promise<void> {
  await show(
    deps,
    ["destroy", "--stack", stack, "--exclude-protected", ...updateFlags(deps)],
    `stack ${stack} was not taken down`,
  );
}

/** Removes what {@link destroy} leaves from the state, secrets included; retained volumes stay on the engine. */
export async function forgetProtected(deps: Deps, stack: string): Promise<void> {
  await pulumi(deps, ["state", "unprotect", "--all", "--yes", "--stack", stack]);
  await show(deps, ["destroy", "--stack", stack, ...updateFlags(deps)], `stack ${stack} was not deleted`);
}

/** Updates the stack's state to what exists on the engine. */
export async function refresh(deps: Deps, stack: string): Promise<void> {
  const flags = ["--clear-pending-creates", ...updateFlags(deps)];
  await show(deps, ["refresh", "--stack", stack, ...flags], `stack ${stack} could not be refreshed`);
}

/** Unprotects Postgres' volume so that the next update can replace it, unless it is the wanted one already. */
export async function unprotectVolume(deps: Deps, stack: string, wanted: string): Promise<void> {
  const volume = (await readState(deps, stack))?.resources?.find(
    ({ urn, type }) => type === "docker:index/volume:Volume" && urn.endsWith("::postgres-volume"),
  );
  if (volume?.protect !== true || volume.outputs?.name === wanted) return;
  await pulumi(deps, ["state", "unprotect", volume.urn, "--yes", "--stack", stack]);
}

/**
 * Runs pulumi with the operator watching: it draws on a terminal, elsewhere its lines are printed.
 *
 * @throws UserError which, without a terminal, repeats Pulumi's diagnostics
 */
async function show(deps: Deps, args: readonly string[], failure: string): Promise<void> {
  if (deps.isTerminal) {
    const { exitCode } = await deps.$({ stdio: "inherit", nothrow: true })`pulumi ${args}`;
    if (exitCode !== 0) throw new UserError(`${failure} (pulumi ended with exit code ${exitCode}, see above)`);
    return;
  }
  const running = deps.$({ nothrow: true })`pulumi ${args} 2>&1`;
  const lines: string[] = [];
  for await (const line of running) {
    deps.print(line);
    lines.push(line);
  }
  if ((await running).exitCode !== 0) throw new UserError(`${failure}\n${diagnostics(lines)}`);
}

/** The part of Pulumi's output between the list of changes and the summary. */
function diagnostics(lines: readonly string[]): string {
  const start = lines.findIndex((line) => line.startsWith("Diagnostics:"));
  const end = lines.findIndex((line) => /^(Resources|Duration):/.test(line));
  const said = start === -1 ? lines.slice(-15) : lines.slice(start + 1, end === -1 ? undefined : end);
  return said.filter((line) => line.trim() !== "").join("\n");
}

/**
 * A stack's outputs, secrets in plain text, or undefined when the stack does not exist or never came up.
 *
 * @throws UserError when Pulumi cannot tell
 */
export async function outputs<Result>(deps: Deps, stack: string): Promise<Result | undefined> {
  const known = (await readLastUpdate(deps, stack))?.outputs ?? (await askOutputs(deps, stack));
  return Object.keys(known).length === 0 ? undefined : (known as Result);
}

async function askOutputs(deps: Deps, stack: string): Promise<Readonly<Record<string, unknown>>> {
  const state = await readStateFile(deps, stack);
  const text = await pulumiOfStack(deps, stack, ["stack", "output", "--json", "--show-secrets"]);
  const values = JSON.parse(text ?? "{}") as Readonly<Record<string, unknown>>;
  if (state !== undefined) await keepLastUpdate(deps, stack, { state: state.hash }, { outputs: values, resources: [] });
  return values;
}

/** What a stack's state says about an interrupted run. */
export interface StateSummary {
  /** True when no run on this state ever made anything. */
  readonly isEmpty: boolean;
  /** Docker name -> id. */
  readonly containerIds: Map<string, string>;
  readonly pendingOperations: number;
  /** Docker names of the networks whose creation the run did not finish. */
  readonly pendingNetworks: readonly string[];
}

/** The container ids and pending operations of a stack's state, or undefined when there is no such stack. */
export async function stateSummary(deps: Deps, stack: string): Promise<StateSummary | undefined> {
  const deployment = await readState(deps, stack);
  if (deployment === undefined) return undefined;
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

/** A stack's state, or undefined when there is no such stack. @throws UserError when Pulumi cannot tell */
async function readState(deps: Deps, stack: string): Promise<Deployment | undefined> {
  const file = await readStateFile(deps, stack);
  if (file !== undefined) return file.deployment;
  const text = await pulumiOfStack(deps, stack, ["stack", "export"]);
  return text === undefined ? undefined : ((JSON.parse(text) as StackExport).deployment ?? {});
}

interface StackExport {
  /** Absent in a stack that was only made. */
  readonly deployment?: Deployment;
}
