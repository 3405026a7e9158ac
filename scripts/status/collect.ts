import type { BackupStatus } from "../../images/backup/src/contract.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { lettaOwner } from "../../infra/lib/names.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf } from "../lib/stack-file.ts";
import type { LettaStack } from "../lib/stacks.ts";
import { thothGaps } from "../lib/thoth-gaps.ts";
import { problemLines } from "../models/list.ts";
import { type ProviderReport, readModels } from "../models/report.ts";
import { backupNotes, isBackupHealthy, readBackupState } from "./backup.ts";
import { collectRoles, collectService, patienceInside, restartNotes, type ServiceStatus } from "./service.ts";

/** How long each question over the network may take. */
const patienceSeconds = 2;
const patience = { timeoutSeconds: patienceSeconds };

/** One stack as status shows it. */
export interface StackStatus {
  readonly name: string;
  readonly isHealthy: boolean;
  readonly services: readonly ServiceStatus[];
  /** Agents of all projects; null when it cannot be asked. */
  readonly agents?: number | null;
  /** Database -> bytes; null when Postgres cannot be asked. */
  readonly databaseBytes?: Readonly<Record<string, number>> | null;
  /** What the backup agent says; null when it cannot be asked, absent where there are no backups. */
  readonly backup?: BackupStatus | null;
  /** What each model provider gave when Letta last asked it; null when Letta cannot be asked. */
  readonly models?: readonly ProviderReport[] | null;
  /** Lines for a person. */
  readonly notes: readonly string[];
}

/** The state of a letta stack; `letta` are its outputs, undefined when it never came up. */
export async function collectLetta(deps: Deps, name: string, letta: LettaStack | undefined): Promise<StackStatus> {
  if (letta === undefined) return missing(name, "make letta-start");
  const endpoint = { url: letta.urls.server, password: letta.serverPassword };
  const listed = Promise.all(letta.containers.map((container) => collectService(deps, container)));
  const [agents, databaseBytes, lettaVersion, backup, models] = await Promise.all([
    orNull(agentCount(letta)),
    orNull(databaseSizes(letta)),
    orNull(lettaJson<{ version: string }>(endpoint, "GET", "/v1/health/", undefined, patience)),
    orNull(readBackupState(deps, letta, patienceInside)),
    orNull(readModels(endpoint, false)),
  ]);
  const problems = models === null ? [] : await problemLines(models, letta.network.subnet);
  const names = namesOf(deps, name);
  const known: Readonly<Record<string, Partial<ServiceStatus>>> = {
    [names.postgres]: { url: new URL(letta.hostDatabaseUrl).host },
    [names.server]: { url: letta.urls.server, ...(lettaVersion === null ? {} : { version: lettaVersion.version }) },
    [names.gateway]: { url: letta.urls.gateway },
  };
  const services = (await listed).map((one) => ({ ...one, ...known[one.name] }));
  const isServing = services.every(({ health }) => health === "healthy") && agents !== null && databaseBytes !== null;
  return {
    name,
    isHealthy: isServing && isBackupHealthy(backup) && problems.length === 0,
    services,
    agents,
    databaseBytes,
    models: models?.providers ?? null,
    ...(typeof backup === "string" ? {} : { backup }),
    notes: [
      `agents: ${agents ?? `unknown, Letta does not answer within ${patienceSeconds} s`}`,
      `databases: ${databaseBytes === null ? `unknown, Postgres does not answer within ${patienceSeconds} s` : formatSizes(databaseBytes)}`,
      `images: ${letta.images === "local" ? "built on this machine" : "pinned by digest"}`,
      ...backupNotes(backup),
      ...problems,
    ],
  };
}

/** The state of a thoth stack. */
export async function collectThoth(
  deps: Deps,
  name: string,
  thoth: ThothExports | undefined,
  letta: LettaStack | undefined,
): Promise<StackStatus> {
  if (thoth === undefined) return missing(name, "make thoth-start");
  const urls: Readonly<Record<string, string>> = thoth.urls;
  const listed = Promise.all(
    thoth.containers.map((container) => {
      const roles = Object.keys(thoth.roles).filter((role) => thoth.roles[role] === container);
      const [only = ""] = roles;
      return roles.length > 1
        ? collectRoles(deps, container, roles, urls)
        : collectService(deps, container, urls[only]);
    }),
  );
  const [services, gaps] = await Promise.all([listed, thothGaps({ stack: name, thoth, letta }, deps)]);
  return {
    name,
    isHealthy: services.every(({ health }) => health === "healthy") && gaps.length === 0,
    services,
    notes: [
      `vault: ${thoth.vault}`,
      ...gaps,
      ...(await Promise.all(services.filter((one) => one.roles).map((one) => restartNotes(deps, one.name)))).flat(),
      ...(thoth.isStandIn ? ["this is the stand-in, not the real Thoth: set thoth-letta:repository"] : []),
      ...(letta === undefined ? ["the letta stack it stands on is gone"] : []),
    ],
  };
}

function missing(name: string, start: string): StackStatus {
  return { name, isHealthy: false, services: [], notes: [`never brought up: ${start}`] };
}

/** Letta counts those of one user's organization. */
async function agentCount({ urls, serverPassword, projects }: LettaStack): Promise<number> {
  const counts = Object.values(projects).map(({ user }) =>
    lettaJson<number>(
      { url: urls.server, password: serverPassword, user },
      "GET",
      "/v1/agents/count",
      undefined,
      patience,
    ),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

async function databaseSizes(letta: LettaStack): Promise<Record<string, number>> {
  const { withPostgres } = await import("../../infra/lib/postgres/connect.ts");
  const ofProjects = Object.entries(letta.projects).map(
    ([name, { hostDatabaseUrl }]) => [name, hostDatabaseUrl] as const,
  );
  const sizeOf = async (url: string) => {
    const query = "select pg_database_size(current_database()) as size";
    const { rows } = await withPostgres(url, (client) => client.query<{ size: string }>(query), patience);
    return Number(rows[0]?.size ?? 0);
  };
  const all = [[lettaOwner, letta.hostDatabaseUrl] as const, ...ofProjects];
  return Object.fromEntries(await Promise.all(all.map(async ([name, url]) => [name, await sizeOf(url)] as const)));
}

function formatSizes(sizes: Readonly<Record<string, number>>): string {
  return Object.entries(sizes)
    .map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(1)} MiB`)
    .join(", ");
}

async function orNull<Value>(work: Promise<Value>): Promise<Value | null> {
  try {
    return await work;
  } catch {
    return null;
  }
}
