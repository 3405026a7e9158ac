import type { BackupStatus } from "../../images/backup/src/contract.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import { lettaOwner } from "../../infra/lib/names.ts";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "../lib/deps.ts";
import type { LettaStack } from "../lib/stacks.ts";
import { backupNotes, isBackupHealthy, readBackupState } from "./backup.ts";
import { type KnownOfService, type ServiceStatus, service } from "./service.ts";

export type { ServiceStatus } from "./service.ts";

/** One stack as status shows it. */
export interface StackStatus {
  readonly name: string;
  readonly isHealthy: boolean;
  readonly services: readonly ServiceStatus[];
  /** Agents in Letta; null when it cannot be asked. */
  readonly agents?: number | null;
  /** Database -> bytes; null when Postgres cannot be asked. */
  readonly databaseBytes?: Readonly<Record<string, number>> | null;
  /** What the backup agent says; null when it cannot be asked, absent where there are no backups. */
  readonly backup?: BackupStatus | null;
  /** Lines for a person. */
  readonly notes: readonly string[];
}

/** The state of a letta stack; `letta` are its outputs, undefined when it never came up. */
export async function collectLetta(deps: Deps, name: string, letta: LettaStack | undefined): Promise<StackStatus> {
  if (letta === undefined) return missing(name, "make letta-start");
  const endpoint = { url: letta.urls.server, password: letta.serverPassword };
  const [agents, databaseBytes, lettaVersion, backup] = await Promise.all([
    orNull(lettaJson<number>(endpoint, "GET", "/v1/agents/count")),
    orNull(databaseSizes(letta)),
    orNull(lettaJson<{ version: string }>(endpoint, "GET", "/v1/health/")),
    orNull(readBackupState(deps, letta)),
  ]);
  const known: Readonly<Record<string, KnownOfService>> = {
    postgres: { url: new URL(letta.hostDatabaseUrl).host },
    server: { url: letta.urls.server, version: lettaVersion?.version ?? null },
    nginx: { url: letta.urls.gateway },
  };
  const roleOf = (container: string) => container.slice(container.lastIndexOf("-") + 1);
  const services = await Promise.all(
    letta.containers.map((container) => service(deps, container, known[roleOf(container)] ?? {})),
  );
  const isServing = services.every(({ health }) => health === "healthy") && agents !== null && databaseBytes !== null;
  return {
    name,
    isHealthy: isServing && isBackupHealthy(backup),
    services,
    agents,
    databaseBytes,
    ...(typeof backup === "string" ? {} : { backup }),
    notes: [
      `agents: ${agents ?? "unknown, Letta does not answer"}`,
      `databases: ${databaseBytes === null ? "unknown, Postgres does not answer" : formatSizes(databaseBytes)}`,
      `images: ${letta.images === "local" ? "built on this machine" : "pinned by digest"}`,
      ...backupNotes(backup),
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
  const urls = [thoth.urls.api, thoth.urls.mcp];
  const services = await Promise.all(
    thoth.containers.map((container, index) => service(deps, container, { url: urls[index] ?? null })),
  );
  return {
    name,
    isHealthy: services.every(({ health }) => health === "healthy"),
    services,
    notes: [
      `vault: ${thoth.vault}`,
      ...(thoth.isStandIn ? ["this is the stand-in, not the real Thoth: set thoth-letta:repository"] : []),
      ...(letta === undefined ? ["the letta stack it stands on is gone"] : []),
    ],
  };
}

function missing(name: string, start: string): StackStatus {
  return { name, isHealthy: false, services: [], notes: [`not there: ${start}`] };
}

async function databaseSizes(letta: LettaStack): Promise<Record<string, number>> {
  const ofProjects = Object.entries(letta.projects).map(
    ([name, { hostDatabaseUrl }]) => [name, hostDatabaseUrl] as const,
  );
  const sizes = await Promise.all(
    [[lettaOwner, letta.hostDatabaseUrl] as const, ...ofProjects].map(([name, url]) =>
      withPostgres(url, async (client) => {
        const { rows } = await client.query<{ size: string }>("select pg_database_size(current_database()) as size");
        return [name, Number(rows[0]?.size ?? 0)] as const;
      }),
    ),
  );
  return Object.fromEntries(sizes);
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
