import { lettaJson } from "../../infra/lib/letta/api.ts";
import { rolesOf } from "../../infra/lib/postgres/provision.ts";
import type { Deps } from "../lib/deps.ts";
import { drawTable, formatBytes, formatDuration } from "../lib/format.ts";
import { type GatewayRequest, logHours, readGatewayLog } from "./gateway-log.ts";
import { type Neighbour, neighboursOf, readNeighbours } from "./neighbours.ts";
import { type PostgresPicture, readPostgres, retiredProjects, sessionsOf } from "./postgres.ts";
import { credentialsOf, type ProjectsSite, readRunningSite } from "./site.ts";

/** One project, with the field names of `--json`. */
export interface ProjectStatus {
  readonly name: string;
  readonly state: "up" | "not up yet" | "retired";
  readonly isDefault: boolean;
  /** Null without a database. */
  readonly databaseBytes: number | null;
  readonly connections: { readonly open: number; readonly limit: number | null };
  /** Null if Letta does not answer for this project. */
  readonly agents: number | null;
  /** Null if the gateway's log of the last day has none. */
  readonly lastRequest: string | null;
  /** Docker names. */
  readonly containers: readonly string[];
  readonly credentials: { readonly generation: number; readonly overlap: boolean };
}

/** Lists every project, and the retired ones, whose databases are kept. */
export async function listProjects(
  { stack, json }: { readonly stack: string; readonly json: boolean },
  deps: Deps,
): Promise<number> {
  const site = await readRunningSite(deps, stack);
  const [postgres, requests, neighbours] = await Promise.all([
    readPostgres(deps, site),
    readGatewayLog(deps, site),
    readNeighbours(deps, site),
  ]);
  const retired = retiredProjects(postgres, site.config.projects);
  const seen = { postgres, requests, neighbours };
  const projects = await Promise.all([...site.config.projects, ...retired].map((name) => statusOf(site, seen, name)));
  const known = new Set(projects.flatMap(({ containers }) => containers));
  const others = neighbours.filter(({ name }) => !known.has(name));
  if (json) {
    deps.print(JSON.stringify({ projects, containersOfUnknownProject: others.map(({ name }) => name) }, undefined, 2));
  } else for (const line of render(stack, projects, others)) deps.print(line);
  return 0;
}

interface Seen {
  readonly postgres: PostgresPicture;
  readonly requests: readonly GatewayRequest[];
  readonly neighbours: readonly Neighbour[];
}

async function statusOf(
  site: ProjectsSite,
  { postgres, requests, neighbours }: Seen,
  name: string,
): Promise<ProjectStatus> {
  const { config, letta } = site;
  const database = postgres.databases.find((one) => one.name === name);
  const sessions = sessionsOf(postgres, rolesOf(name));
  const own = requests.filter(({ project }) => project === name);
  const limits = rolesOf(name).flatMap((role) => postgres.limits[role] ?? []);
  const limit = Math.max(-1, ...limits);
  return {
    name,
    state: !config.projects.includes(name) ? "retired" : name in letta.projects ? "up" : "not up yet",
    isDefault: name === config.defaultProject,
    databaseBytes: database?.bytes ?? null,
    connections: { open: sessions.length, limit: limit === -1 ? null : limit },
    agents: await countAgents(site, name),
    lastRequest: own.at(-1)?.at ?? null,
    containers: neighboursOf(neighbours, sessions, own).map((neighbour) => neighbour.name),
    credentials: credentialsOf(site, name),
  };
}

async function countAgents({ letta }: ProjectsSite, name: string): Promise<number | null> {
  const user = letta.projects[name]?.user;
  if (user === undefined) return null;
  const endpoint = { url: letta.urls.server, password: letta.serverPassword, user };
  return lettaJson<number>(endpoint, "GET", "/v1/agents/count").catch(() => null);
}

/** The projects as lines for a terminal. */
export function render(
  stack: string,
  projects: readonly ProjectStatus[],
  others: readonly Pick<Neighbour, "name" | "owner">[],
): string[] {
  if (projects.length === 0) return [`stack ${stack} has no project: make project-add NAME=…`];
  const head = ["project", "database", "connections", "agents", "last request", "containers", "credentials", "state"];
  const unknown = others.map(({ name, owner }) => `${name} (${owner})`);
  return [
    ...drawTable(head, projects.map(row)),
    ...(unknown.length === 0 ? [] : [`also on the network, of an unknown project: ${unknown.join(", ")}`]),
    ...(projects.some(({ state }) => state === "not up yet") ? ["not up yet: make letta-start"] : []),
    ...(projects.some(({ state }) => state === "retired")
      ? [
          "retired: its data is kept; to bring it back: make project-add NAME=…; to delete it: make project-remove NAME=… PURGE=1",
        ]
      : []),
  ];
}

function row({ connections, credentials, ...project }: ProjectStatus): string[] {
  const { open, limit } = connections;
  const seconds = project.lastRequest === null ? undefined : (Date.now() - Date.parse(project.lastRequest)) / 1000;
  return [
    project.name,
    project.databaseBytes === null ? "-" : formatBytes(project.databaseBytes),
    limit === null ? String(open) : `${open} of ${limit}`,
    String(project.agents ?? "unknown"),
    seconds === undefined ? `none in ${logHours} h` : `${formatDuration(seconds)} ago`,
    project.containers.length === 0 ? "-" : project.containers.join("\n"),
    `generation ${credentials.generation}${credentials.overlap ? `, and ${credentials.generation - 1}` : ""}`,
    `${project.state}${project.isDefault ? ", default" : ""}`,
  ];
}
