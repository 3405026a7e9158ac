import { type ContainerState, crashLoopRestarts } from "../../infra/lib/docker/engine.ts";
import { likelyCause } from "../../infra/lib/docker/likely-cause.ts";
import { imageVersion } from "../../infra/lib/images.ts";
import { roleCheck } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";

/** One container as status shows it; the field names are those of `--json`. */
export interface ServiceStatus {
  readonly name: string;
  readonly state: string;
  /** What the service itself answers now, not what Docker last saw. */
  readonly health: "healthy" | "unhealthy" | "-";
  readonly uptimeSeconds: number | null;
  readonly image: string | null;
  readonly version: string | null;
  /** On this host; null for what is not published. */
  readonly url: string | null;
  /** Those that share the container; absent where it is one service. */
  readonly roles?: readonly RoleStatus[];
}

/** One of several roles in a container. */
type RoleStatus = Pick<ServiceStatus, "name" | "state" | "health" | "url">;

/** The engine starts a process for a question inside a container, which alone takes a second on a busy machine. */
export const patienceInside = { timeoutSeconds: 5 };
/** An answer counts for this long: a little more than most checks' intervals. The others' services are asked more often. */
const recentSeconds = 16;

/** The state of a container, and whether its service answers. */
export async function collectService(deps: Deps, name: string, url: string | null = null): Promise<ServiceStatus> {
  const state = await deps.engine.inspectContainer(name);
  if (state === undefined) {
    return { name, state: "missing", health: "-", uptimeSeconds: null, image: null, version: null, url };
  }
  const isRunning = state.State.Running;
  return {
    name,
    state: state.State.Status,
    health: !isRunning ? "-" : isCrashLooping(state) ? "unhealthy" : await currentHealth(deps, name, state),
    uptimeSeconds: isRunning ? Math.floor((Date.now() - Date.parse(state.State.StartedAt)) / 1000) : null,
    image: state.Config.Image,
    version: imageVersion(state.Config.Image),
    url,
  };
}

/** A container with several roles, each of which is asked if the container is not healthy. @param urls role -> its URL */
export async function collectRoles(
  deps: Deps,
  name: string,
  roles: readonly string[],
  urls: Readonly<Record<string, string>>,
): Promise<ServiceStatus> {
  const whole = await collectService(deps, name);
  const { state, health } = whole;
  const healthOf = async (role: string): Promise<RoleStatus["health"]> => {
    if (health !== "unhealthy") return health;
    const problem = await deps.engine.runIn(name, roleCheck(role), patienceInside).catch(String);
    return problem === undefined ? "healthy" : "unhealthy";
  };
  const asked = roles.map(async (role) => ({
    name: role,
    state,
    health: await healthOf(role),
    url: urls[role] ?? null,
  }));
  return { ...whole, roles: await Promise.all(asked) };
}

/** What a container with several roles was restarted for, as long as its log tells: each hides the end of a role. */
export async function restartNotes(deps: Deps, name: string): Promise<string[]> {
  const state = await deps.engine.inspectContainer(name);
  if (state === undefined || state.RestartCount === 0) return [];
  const cause = likelyCause(state, await deps.engine.lastLogLines(name, 400));
  const times = state.RestartCount === 1 ? "once" : `${state.RestartCount} times`;
  return [`${name} ended ${times} since its last start${cause === undefined ? "" : `; the last time, ${cause}`}`];
}

/** Docker's own restarts count since the last start by hand. A program that ends again and again may look fine in between. */
function isCrashLooping({ RestartCount, State }: ContainerState): boolean {
  return RestartCount >= crashLoopRestarts && Date.now() - Date.parse(State.StartedAt) < 60_000;
}

/**
 * Docker's own verdict is up to three intervals old, and missing at first. So its last check counts only if it passed a moment
 * ago; else the service is asked now.
 */
async function currentHealth(deps: Deps, name: string, { State }: ContainerState): Promise<"healthy" | "unhealthy"> {
  const last = State.Status === "running" ? State.Health?.Log?.at(-1) : undefined;
  if (last?.ExitCode === 0 && Date.now() - Date.parse(last.End) < recentSeconds * 1000) return "healthy";
  const problem = await deps.engine.runHealthCheck(name, patienceInside).catch(String);
  return problem === undefined ? "healthy" : "unhealthy";
}
