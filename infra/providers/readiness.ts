import { setTimeout as sleep } from "node:timers/promises";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import {
  type ContainerState,
  changeContainer,
  crashLoopRestarts,
  docker,
  inspectContainer,
  lastLogLines,
  runHealthCheck,
  runIn,
} from "../lib/docker/engine.ts";
import { firstError, lastDistinct, likelyCause, tellingLines } from "../lib/docker/likely-cause.ts";
import { UserError } from "../lib/errors.ts";

/** Inputs of the Readiness resource. */
export interface ReadinessInputs {
  /** Docker name. */
  readonly container: string;
  /** A new container must answer again. */
  readonly containerId: string;
  readonly timeoutSeconds: number;
  /** How many processes and threads the container may have: the Docker provider has no argument for it. */
  readonly processes: number;
  /** Command in the container whose success counts; default: its health check. */
  readonly check?: string[];
}

const pollMilliseconds = 200;

/**
 * Waits until a container's health check passes, starting the container when it is stopped.
 *
 * The Docker provider's own `wait` cannot do this: it reports a timeout without the log, keeps waiting for a container
 * that has already exited, and sees nothing wrong with a stopped one.
 */
const provider = convergingProvider<ReadinessInputs, object>({
  id: (inputs) => inputs.container,
  isCurrent: async (olds, news) => haveSame(olds, news, ["containerId"]) && (await isReady(news)),
  ensure: becomeReady,
});
export default provider;

async function isReady(inputs: ReadinessInputs): Promise<boolean> {
  const state = await inspectContainer(inputs.container);
  // A paused container counts as running, and as healthy as it was.
  if (state?.State.Status !== "running" || state.HostConfig.PidsLimit !== inputs.processes) return false;
  // Docker runs the first check one interval after the start: until then, ask the service itself.
  return state.State.Health?.Status === "healthy" || (await runCheck(inputs)) === undefined;
}

const runCheck = ({ container, check }: ReadinessInputs) =>
  check === undefined ? runHealthCheck(container) : runIn(container, check);

async function becomeReady(inputs: ReadinessInputs): Promise<void> {
  const before = await inspectContainer(inputs.container);
  if (before === undefined) {
    throw new UserError(
      `${inputs.container}: the engine no longer has this container`,
      "pulumi refresh, then pulumi up (or the stack's start command, which does both)",
    );
  }
  if (before.State.Status === "paused") await changeContainer(inputs.container, "unpause");
  else if (!before.State.Running) await changeContainer(inputs.container, "start");
  // A start by hand counts restarts from 0 again.
  const restartsBefore = before.State.Running ? before.RestartCount : 0;
  const deadline = Date.now() + inputs.timeoutSeconds * 1000;
  let state: ContainerState | undefined = before;
  while (true) {
    const missing = await whatIsMissing(inputs, state);
    if (missing === undefined) return;
    state = await inspectContainer(inputs.container);
    if (hasGivenUp(state, restartsBefore)) throw await failure(inputs, state, "stopped instead of answering");
    if (Date.now() > deadline) {
      throw await failure(inputs, state, `did not answer within ${inputs.timeoutSeconds} s; ${missing}`);
    }
    await sleep(pollMilliseconds);
  }
}

/**
 * @param state the container's state when it was last asked for
 * @returns why the container is not ready, or undefined when it is
 */
async function whatIsMissing(inputs: ReadinessInputs, state: ContainerState | undefined): Promise<string | undefined> {
  const { container, processes } = inputs;
  if (state?.HostConfig.PidsLimit !== processes) {
    // Refused while the container is between two of its restarts: "cannot update a stopped container".
    const { exitCode, stderr } = await docker(["update", "--pids-limit", String(processes), container]);
    if (exitCode !== 0) return `its process limit is not set: ${stderr.trim()}`;
  }
  const red = await runCheck(inputs);
  return red === undefined ? undefined : `its health check says: ${red.split("\n").at(-1)}`;
}

function hasGivenUp(state: ContainerState | undefined, restartsBefore: number): boolean {
  if (state === undefined || state.State.Status === "exited" || state.State.Status === "dead") return true;
  return state.RestartCount >= restartsBefore + crashLoopRestarts;
}

async function failure(inputs: ReadinessInputs, state: ContainerState | undefined, what: string): Promise<UserError> {
  const all = await lastLogLines(inputs.container, 400);
  const log = tellingLines(all, what);
  const cause = likelyCause(state, log);
  const end = lastDistinct(log, 15);
  const first = cause === undefined ? firstError(log) : undefined;
  const exit = state !== undefined && !state.State.Running ? ` (exit code ${state.State.ExitCode})` : "";
  return new UserError(
    [
      `${inputs.container} ${what}${exit}`,
      ...(cause === undefined ? [] : [`  likely cause: ${cause}`]),
      ...(first === undefined || end.includes(first) ? [] : [`  first error in its log:`, `    ${first}`]),
      `  last lines of its log:`,
      ...end.map((line) => `    ${line}`),
    ].join("\n"),
  );
}
