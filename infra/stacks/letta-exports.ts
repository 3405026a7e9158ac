import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Backup } from "../components/backup.ts";
import { databaseUrl } from "../components/databases.ts";
import type { GatewayCertificate } from "../components/gateway-certificate.ts";
import type { LettaServer } from "../components/letta-server.ts";
import type { Postgres } from "../components/postgres.ts";
import type { Project } from "../components/project.ts";
import type { Redis } from "../components/redis.ts";
import type { StatusPage } from "../components/status-page.ts";
import type { BackupRepository } from "../components/volumes.ts";
import { containersOf } from "../config/containers.ts";
import type { LettaConfig } from "../config/letta.ts";
import { contractVersion } from "../lib/contract.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { hostUrl, urlAuthority } from "../lib/docker/network.ts";
import { gatewayPort } from "../lib/gateway/config.ts";
import { aliases, lettaNames, lettaOwner, serverPorts } from "../lib/names.ts";
import type { LettaExports } from "./outputs.ts";

interface LettaParts {
  readonly config: LettaConfig;
  /** Image of the gateway. */
  readonly nginxImage: string;
  readonly network: docker.Network;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly server: LettaServer;
  readonly repository: BackupRepository;
  readonly backup: Backup | undefined;
  readonly certificate: GatewayCertificate | undefined;
  readonly page: StatusPage | undefined;
  readonly projects: Readonly<Record<string, Project>>;
  /** What Letta itself logs in with. */
  readonly own: pulumi.Output<WorkingCredentials>;
}

/** What other stacks and the commands read of a letta stack. */
export function lettaExports(parts: LettaParts): LettaExports {
  const { config, network, postgres, redis, server, repository, backup, certificate, page, projects, own } = parts;
  const { prefix, images, subnet } = config;
  const urls = { server: serverUrl(config), gateway: gatewayUrl(config) };
  const { enabled } = config.backup;
  const { host, port } = postgres.endpoint;
  return {
    contractVersion,
    healthUrls: { server: `${urls.server}/v1/health/`, gateway: `${urls.gateway}/nginx-health` },
    urls,
    internalUrls: {
      server: `http://${aliases.server}:${serverPorts.requests}`,
      gateway: `http://${aliases.gateway}:${gatewayPort}`,
    },
    ...(certificate === undefined ? {} : { certificate: certificate.certificate }),
    network: { id: network.id, name: network.name, subnet },
    volumes: {
      postgres: postgres.volumeName,
      data: server.dataVolumeName,
      home: server.homeVolumeName,
      redis: redis.volumeName,
      backup: repository.volumeName,
    },
    backup: {
      enabled,
      container: lettaNames(prefix).backup,
      drillContainer: lettaNames(prefix).drill,
    },
    containers: containersOf(config),
    projects,
    images,
    nginxImage: parts.nginxImage,
    schemaVersion: server.migration.schemaVersion,
    serverPassword: server.password,
    hostDatabaseUrl: databaseUrl({ name: lettaOwner, credentials: own }, urlAuthority(host, port)),
    recoveryKey: pulumi.secret(repository.recoveryKey),
    ...(page === undefined ? {} : { pageToken: page.token }),
    ...(backup === undefined ? {} : { backupSettings: backup.settings }),
  };
}

/** Letta's own port, as this host reaches it. */
export function serverUrl({ bindAddress, ports }: LettaConfig): string {
  return hostUrl(bindAddress, ports.server);
}

/** The gateway, as this host reaches it. */
export function gatewayUrl({ bindAddress, ports, tls }: LettaConfig): string {
  return hostUrl(bindAddress, ports.gateway, tls === undefined ? "http" : "https");
}
