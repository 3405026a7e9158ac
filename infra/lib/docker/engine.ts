import { execFile } from "node:child_process";
import { UserError } from "../errors.ts";
import { askEngine, messageOf, readEngine } from "./api.ts";
import { type DockerResult, execIn } from "./exec.ts";
import { engineError } from "./failures.ts";

export { type DockerResult, execIn };

/** Docker's restart policy hides a crash loop behind "running"; this many restarts count as one. */
export const crashLoopRestarts = 3;

/** The parts of `docker inspect` that this project reads. */
export interface ContainerState {
  readonly Id: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly Image: string;
  readonly State: {
    readonly Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
    readonly Running: boolean;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
    readonly Health?: {
      readonly Status: "starting" | "healthy" | "unhealthy";
      /** The last checks, oldest first. */
      readonly Log?: readonly { readonly End: string; readonly ExitCode: number }[];
    };
  };
  readonly Config: {
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: { readonly Test?: readonly string[] };
  };
  readonly HostConfig: {
    /** Null or less than 1: no limit. */
    readonly PidsLimit: number | null;
  };
}

/** Runs the Docker CLI, which finds the engine as in the operator's shell (context, DOCKER_HOST). Does not throw for an exit code. */
export function docker(
  args: readonly string[],
  options: { input?: string; timeoutSeconds?: number } = {},
): Promise<DockerResult> {
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 64 * 1024 * 1024, timeout: (options.timeoutSeconds ?? 0) * 1000 };
    const child = execFile("docker", [...args], limits, (error, stdout, stderr) => {
      if (error !== null && typeof error.code === "string") {
        reject(error.code === "ENOENT" ? new UserError("the docker command is not on PATH", "make setup") : error);
        return;
      }
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 124), stdout, stderr });
    });
    // A command may end without reading its input.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Like {@link docker}, but throws on an exit code other than 0, with the engine's message. */
export async function dockerOutput(
  args: readonly string[],
  options: { input?: string; timeoutSeconds?: number } = {},
): Promise<string> {
  const result = await docker(args, options);
  if (result.exitCode === 0) return result.stdout;
  throw (
    engineError(result.stderr) ??
    new Error(`docker ${args[0]}: ${result.stderr.trim() || `exit code ${result.exitCode}`}`)
  );
}

/**
 * `docker run` for a container that does one thing and is removed, restricted like the services of components/service.
 */
export function runOnce(capabilities: readonly string[] = []): string[] {
  return [
    ...["run", "--rm", "--interactive", "--init", "--security-opt", "no-new-privileges", "--cap-drop", "ALL"],
    ...capabilities.flatMap((name) => ["--cap-add", name]),
    ...["--memory", "1g", "--memory-swap", "1g", "--pids-limit", "256"],
  ];
}

/** Added to {@link runOnce}: it can only write to its mounts and to /tmp, which goes with it. */
export const readOnlyRoot = ["--read-only", "--tmpfs", "/tmp"] as const;

/**
 * Capabilities of the backup agent, which runs as root: to run Postgres' programs as Postgres' user and to end them, and to
 * read and write files of other users in Letta's home and the repository.
 */
export const agentCapabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"] as const;

/** One of the engine's containers, as a list has it. */
export interface ListedContainer {
  readonly Id: string;
  /** Each with a leading slash. */
  readonly Names: readonly string[];
  readonly Image: string;
  readonly State: ContainerState["State"]["Status"];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Ports: readonly { readonly PublicPort?: number }[];
}

/** All containers, or those with these labels (`key=value`), whatever their state. */
export async function listContainers(...label: string[]): Promise<readonly ListedContainer[]> {
  const filters = encodeURIComponent(JSON.stringify({ label }));
  return (await readEngine<ListedContainer[]>(`/containers/json?all=1&filters=${filters}`)) ?? [];
}

/** @throws UserError when no engine answers */
export async function requireEngine(): Promise<void> {
  await askEngine("GET", "/_ping");
}

const containerPath = (name: string) => `/containers/${encodeURIComponent(name)}`;

/** The container's state, or undefined when the engine has none of that name. */
export function inspectContainer(name: string): Promise<ContainerState | undefined> {
  return readEngine<ContainerState>(`${containerPath(name)}/json`);
}

/** Starts or restarts a container, or ends its pause; a start of one that runs is none. @throws with the engine's message */
export async function changeContainer(name: string, change: "start" | "restart" | "unpause"): Promise<void> {
  // A restart waits for the container's own grace.
  const answer = await askEngine("POST", `${containerPath(name)}/${change}`, { timeoutSeconds: 120 });
  if (answer.status >= 400) throw new Error(`docker ${change} ${name}: ${messageOf(answer)}`);
}

export async function volumeExists(name: string): Promise<boolean> {
  return (await readEngine(`/volumes/${encodeURIComponent(name)}`)) !== undefined;
}

/** True when the engine has an image of this reference. */
export async function imageExists(reference: string): Promise<boolean> {
  return (await readEngine(`/images/${reference}/json`)) !== undefined;
}

/** The last lines that a container printed on either stream, oldest first. */
export async function lastLogLines(name: string, count: number): Promise<string[]> {
  const result = await docker(["logs", "--timestamps", "--tail", String(count), name]);
  // The two streams come one after the other; the times, all of one width, bring their lines into order.
  const lines = `${result.stdout}${result.stderr}`.split("\n").map((line) => {
    const [, time = "", text = ""] = /^(?:(\d{4}-\d\d-\d\dT\S+Z) )?(.*)$/.exec(line) ?? [];
    return { time, text };
  });
  return lines
    .sort((one, other) => (one.time < other.time ? -1 : Number(one.time > other.time)))
    .map(({ text }) => text)
    .filter((text) => text.trim() !== "")
    .slice(-count);
}

/**
 * Runs a container's health check now, without waiting for Docker's next turn.
 *
 * @returns what the check printed when it failed, or undefined when it passed
 */
export async function runHealthCheck(name: string, patience = usualPatience): Promise<string | undefined> {
  const test = (await inspectContainer(name))?.Config.Healthcheck?.Test ?? [];
  return runIn(name, test[0] === "CMD-SHELL" ? ["/bin/sh", "-c", test[1] ?? "false"] : test.slice(1), patience);
}

const usualPatience = { timeoutSeconds: 10 };

/** Runs a check in a container. @returns what it printed when it failed, or undefined when it passed */
export async function runIn(
  name: string,
  command: readonly string[],
  patience = usualPatience,
): Promise<string | undefined> {
  const result = await execIn(name, command, patience);
  if (result.exitCode === 0) return undefined;
  return `${result.stderr}${result.stdout}`.trim() || `exit code ${result.exitCode}`;
}

/** A network with the names of the containers on it, sorted; undefined when the engine has none of that name. */
export async function findNetwork(network: string): Promise<{ readonly containers: string[] } | undefined> {
  const path = `/networks/${encodeURIComponent(network)}`;
  const details = await readEngine<{ Containers?: Record<string, { Name: string }> }>(path);
  if (details === undefined) return undefined;
  const names = Object.values(details.Containers ?? {}).map((endpoint) => endpoint.Name);
  return { containers: names.sort() };
}

/** Names of the containers attached to a network; empty when there is no such network. */
export async function networkContainers(network: string): Promise<string[]> {
  return (await findNetwork(network))?.containers ?? [];
}
