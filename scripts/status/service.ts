import { imageVersion } from "../../infra/lib/images.ts";
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
}

/** What is not for the engine to tell of a container. */
export interface KnownOfService {
  readonly url?: string | null;
  readonly version?: string | null;
}

/** The state of a container, and whether what is in it answers. */
export async function service(deps: Deps, name: string, known: KnownOfService): Promise<ServiceStatus> {
  const state = await deps.engine.inspectContainer(name);
  const { url = null, version = null } = known;
  if (state === undefined) {
    return { name, state: "missing", health: "-", uptimeSeconds: null, image: null, version, url };
  }
  const isRunning = state.State.Running;
  return {
    name,
    state: state.State.Status,
    health: isRunning ? await currentHealth(deps, name) : "-",
    uptimeSeconds: isRunning ? Math.floor((Date.now() - Date.parse(state.State.StartedAt)) / 1000) : null,
    image: state.Config.Image,
    version: version ?? imageVersion(state.Config.Image),
    url,
  };
}

/** Docker's own verdict is up to three intervals old, and missing at first. */
async function currentHealth(deps: Deps, name: string): Promise<"healthy" | "unhealthy"> {
  return (await deps.engine.runHealthCheck(name)) === undefined ? "healthy" : "unhealthy";
}
