import type { ThothConfig } from "../config/thoth.ts";
import { type RoleConfig, rolePorts } from "../config/thoth-roles.ts";
import { readImageFile } from "../lib/image-files.ts";
import { localReference } from "../lib/images.ts";
import { type ThothRole, thothRoles } from "../lib/names.ts";
import { lettaProxyUrl } from "./letta-proxy.ts";
import type { ContainerFile } from "./service/files.ts";
import { vaultPath, vaultsPath } from "./thoth-environment.ts";

/** How one role is started, checked, limited and stopped. */
export interface RoleProgram {
  readonly image: string;
  readonly command: string[];
  /** Port inside the container; absent where it serves none. */
  readonly port?: number;
  /** As Docker takes it. */
  readonly health: string[];
  /** How long the first success of the check may take, in seconds. */
  readonly readyTimeoutSeconds: number;
  readonly files: readonly ContainerFile[];
  readonly memoryMiB: number;
  /** Processes and threads at a time. */
  readonly processes: number;
  /** Processors; undefined: no limit. */
  readonly cpus: number | undefined;
  /** Time between the stop signal and the kill, in seconds. */
  readonly stopGraceSeconds: number;
  /** True when the stand-in runs instead of the real Thoth. */
  readonly isStandIn: boolean;
  /** Where the config's `source` is mounted; absent without one. */
  readonly sourcePath?: string;
}

const healthPath = "/run/thoth-letta/health.py";
const pythonHealth = (...checks: string[]) => ["CMD", "python", "-IS", healthPath, ...checks, "postgres"];

interface Published {
  /** Name of the image in the repository. */
  readonly image: string;
  readonly command: (port: number, papers: string) => string[];
  /** `role` is given where its container has other roles too. */
  readonly health: (port: number, ...role: string[]) => string[];
  /** Upstream's own limit. */
  readonly memoryMiB: number;
  readonly stopGraceSeconds: number;
}

const process = (_: number, ...role: string[]) => pythonHealth(["process", ...role].join("="));

/** The published images. Discovery and monitor serve no health route. */
const published: Record<ThothRole, Published> = {
  api: {
    image: "api",
    // Not `thoth server start`: that starts the API in a second process, and lives on when that has died.
    command: (port) => [
      "python",
      "-c",
      `from thoth.server import start_obsidian_server; start_obsidian_server(host="0.0.0.0", port=${port})`,
    ],
    health: (port) => pythonHealth(`api=${port}`, `letta=${lettaProxyUrl}`),
    memoryMiB: 1024,
    stopGraceSeconds: 15,
  },
  mcp: {
    image: "mcp",
    command: (port) => thoth("mcp", "http", "--host", "0.0.0.0", "--port", `${port}`),
    health: (port) => pythonHealth(`http=${port}`),
    memoryMiB: 512,
    stopGraceSeconds: 15,
  },
  discovery: {
    image: "discovery",
    command: () => thoth("research", "scheduler"),
    health: process,
    memoryMiB: 512,
    // While it waits for its next run it does not notice the stop signal. During a run it does, and ends the run.
    stopGraceSeconds: 5,
  },
  monitor: {
    image: "pdf-monitor",
    command: (_, papers) => thoth("monitor", "--optimized", "--recursive", "--watch-dir", papers),
    health: process,
    memoryMiB: 2048,
    stopGraceSeconds: 15,
  },
};

function thoth(...words: string[]): string[] {
  return ["python", "-m", "thoth", ...words];
}

const isKnown = (role: string): role is ThothRole => (thothRoles as readonly string[]).includes(role);

/** What a role runs: as the config says, else as the published image or the stand-in does by default. */
export function roleProgram(role: string, config: ThothConfig, root: string): RoleProgram {
  const settings = config.roles[role] as RoleConfig;
  const port = settings.port ?? rolePorts[role];
  const image = settings.image ?? config.image ?? publishedReference(role, config);
  const usual =
    image === undefined ? ofStandIn(role, port, root) : { ...ofPublished(role, port, config), image, isStandIn: false };
  const { command, health, memoryMiB, processes, cpus, stopGraceSeconds } = settings;
  const program = { ...usual, ...(command === undefined ? {} : { command }) };
  return {
    ...program,
    ...{ processes, cpus },
    ...(port === undefined ? {} : { port }),
    ...(config.source === undefined ? {} : fromSource(program)),
    ...(health === undefined ? {} : { health }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(stopGraceSeconds === undefined ? {} : { stopGraceSeconds }),
  };
}

const sourcePaths = { standIn: "/opt/thoth/src", published: "/app/src" } as const;

/** Node watches for the stand-in. Thoth's images have watchdog for it: Thoth ignores its own `--api-reload`. */
function fromSource({ command, isStandIn }: Pick<RoleProgram, "command" | "isStandIn">) {
  const sourcePath = isStandIn ? sourcePaths.standIn : sourcePaths.published;
  const [program, role] = command;
  if (!isStandIn) return { sourcePath, command: [...watched(sourcePath), ...command] };
  if (program !== "thoth" || role === undefined) return { sourcePath };
  return { sourcePath, command: ["node", "--watch", `${sourcePath}/main.ts`, role] };
}

/** A program that has ended waits for the next change, with its error as the end of its log. */
function watched(folder: string): string[] {
  const what = ["--directory", folder, "--recursive", "--patterns", "*.py"];
  const how = [
    "--debounce-interval",
    "0.3",
    "--signal",
    "SIGTERM",
    "--kill-after",
    "2",
    "--no-restart-on-command-exit",
  ];
  return ["python", "-m", "watchdog.watchmedo", "auto-restart", ...what, ...how, "--"];
}

/** What Thoth is told when it runs from a folder of sources. */
export const sourceEnvironment = {
  PYTHONPATH: sourcePaths.published,
  THOTH_HOT_RELOAD: "1",
  THOTH_LOG_LEVEL: "DEBUG",
} as const;

function ofStandIn(role: string, port: number | undefined, root: string) {
  return {
    image: localReference("thoth", root),
    command: ["thoth", role],
    health: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${port}/health`],
    readyTimeoutSeconds: 120,
    files: [],
    memoryMiB: 512,
    stopGraceSeconds: 15,
    isStandIn: true,
  };
}

/** A role without defaults has a command in its config. */
function ofPublished(role: string, port: number | undefined, { vaults, shape }: ThothConfig) {
  const { command, health, memoryMiB, stopGraceSeconds } = isKnown(role)
    ? published[role]
    : { command: () => [], health: process, memoryMiB: 512, stopGraceSeconds: 15 };
  return {
    command: command(port ?? 0, vaults === undefined ? `${vaultPath}/thoth/papers` : vaultsPath),
    health: health(port ?? 0, ...(shape === "all-in-one" ? [role] : [])),
    // Its first start takes 40 s on two idle processors, and minutes on busy ones.
    readyTimeoutSeconds: 300,
    files: [{ path: healthPath, content: readImageFile("thoth-published/health.py") }],
    memoryMiB,
    stopGraceSeconds,
  };
}

function publishedReference(role: string, { repository, release }: ThothConfig): string | undefined {
  if (repository === undefined || !isKnown(role)) return undefined;
  return `${repository.replace(/\/+$/, "")}/${published[role].image}:${release}`;
}
