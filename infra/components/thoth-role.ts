import type { ThothConfig } from "../config/thoth.ts";
import { localReference } from "../lib/images.ts";
import type { ThothRole } from "../lib/names.ts";

/** How one role's container is started and checked. */
export interface RoleProgram {
  readonly image: string;
  readonly command: string[];
  /** Port inside the container. */
  readonly port: number;
  readonly health: string[];
  /** True when the stand-in runs instead of the real Thoth. */
  readonly isStandIn: boolean;
}

const ports: Record<ThothRole, number> = { api: 8000, mcp: 8001, discovery: 8002, monitor: 8003 };

/** The published images: their names, commands and health; discovery and monitor serve no health route. */
const published = (port: number): Record<ThothRole, { image: string; command: string[]; health: string[] }> => ({
  api: {
    image: "api",
    command: [
      "python",
      "-m",
      "thoth",
      "server",
      "start",
      "--api-host",
      "0.0.0.0",
      "--api-port",
      String(port),
      "--no-discovery",
      "--no-mcp",
    ],
    health: ["CMD", "python", "-c", pythonGet(port)],
  },
  mcp: {
    image: "mcp",
    command: ["python", "-m", "thoth", "mcp", "http", "--host", "0.0.0.0", "--port", String(port)],
    health: ["CMD", "python", "-c", pythonGet(port)],
  },
  discovery: {
    image: "discovery",
    command: ["python", "-m", "thoth", "research", "scheduler"],
    health: ["CMD-SHELL", "kill -0 1"],
  },
  monitor: {
    image: "pdf-monitor",
    command: ["python", "-m", "thoth", "monitor", "--optimized", "--recursive", "--watch-dir", "/vault/thoth/papers"],
    health: ["CMD-SHELL", "kill -0 1"],
  },
});

/** What a role runs: as the config says, else as the published image or the stand-in does by default. */
export function roleProgram(role: ThothRole, config: ThothConfig, root: string): RoleProgram {
  const settings = config.roles[role];
  const image = settings.image ?? publishedReference(role, config);
  const port = settings.port ?? ports[role];
  const ofImage = image === undefined ? { command: ["thoth", role], health: curlGet(port) } : published(port)[role];
  return {
    image: image ?? localReference("thoth", root),
    command: settings.command ?? ofImage.command,
    port,
    health: settings.health ?? ofImage.health,
    isStandIn: image === undefined,
  };
}

function publishedReference(role: ThothRole, { repository, release }: ThothConfig): string | undefined {
  if (repository === undefined) return undefined;
  return `${repository.replace(/\/+$/, "")}/${published(ports[role])[role].image}:${release}`;
}

function curlGet(port: number): string[] {
  return ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${port}/health`];
}

/** urlopen raises on 503, which Thoth answers while one of its services is down. */
function pythonGet(port: number): string {
  return `import urllib.request; urllib.request.urlopen('http://127.0.0.1:${port}/health', timeout=4)`;
}
