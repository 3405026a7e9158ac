import { thothReference } from "../../infra/config/thoth.ts";
import type { Deps } from "../lib/deps.ts";
import { type ConfigChange, changeConfigPaths, readConfigFile } from "../lib/stack-file.ts";
import { runSteps } from "../lib/steps.ts";
import { addProject } from "../projects/add.ts";
import { stackStep } from "../setup/state.ts";
import { startThoth } from "../thoth/start.ts";
import { chooseSource } from "./source.ts";

/** Which stack, on which Letta, and the stack that it is like. */
export interface DevOptions {
  readonly stack: string;
  readonly lettaStack: string;
  /** The thoth stack whose images and settings it takes. */
  readonly like: string;
  readonly yes: boolean;
}

/** Its project, and so its database and its agents. */
const project = "thoth_dev";
/** As upstream's dev compose file has them, next to the other Thoth's 8080 and 8081. */
const usualPorts = { api: 8000, mcp: 8082 };
/** Secrets are encrypted for the stack that has them, so they do not come along. */
const shared = ["shape", "image", "repository", "release", "user", "env", "envFile", "roles"];

/** Makes the stack where it is missing, and brings it up from a folder of sources. */
export async function startDev({ source, ...options }: DevOptions & { source?: string }, deps: Deps): Promise<number> {
  const { stack, lettaStack, like } = options;
  const others = readConfigFile(deps, like);
  const chosen = chooseSource(deps, source, readConfigFile(deps, stack), others);
  const exitCode = await addProject({ stack: lettaStack, name: project, yes: options.yes }, deps);
  if (exitCode !== 0) return exitCode;
  await runSteps([stackStep(deps, stack, { kind: "thoth", project, lettaStack }, [])], deps);
  const usual = {
    ...Object.fromEntries(shared.map((key) => [key, others[key]])),
    ports: freePorts(others.ports),
    vault: "vault-dev",
  };
  const configured = readConfigFile(deps, stack);
  const missing = Object.entries(usual).flatMap(([key, value]): ConfigChange[] =>
    value === undefined || configured[key] !== undefined ? [] : [{ path: [key], value }],
  );
  await changeConfigPaths(deps, stack, [...missing, { path: ["source"], value: chosen }]);
  if (others.secretEnv !== undefined && configured.secretEnv === undefined)
    deps.print(`${like} has secretEnv, which its dev stack does not: pulumi config set --secret … -s ${stack}`);
  return startThoth(options, deps);
}

/** The usual ports, or the next ones where the other Thoth has them. */
function freePorts(others: unknown): typeof usualPorts {
  const taken = Object.values((others ?? {}) as Record<string, unknown>).map(Number);
  const free = (port: number): number => (taken.includes(port) ? free(port + 1) : port);
  return { api: free(usualPorts.api), mcp: free(usualPorts.mcp) };
}

/** The database of a thoth stack, by its config. */
export function databaseOf(deps: Deps, stack: string): string {
  return thothReference.parse(readConfigFile(deps, stack)).project;
}
