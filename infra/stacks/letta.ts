import * as pulumi from "@pulumi/pulumi";
import { backupRepository } from "../components/backup-repository.ts";
import { bridgeNetwork } from "../components/bridge-network.ts";
import { lettaOwner, type StackCredentials, stackCredentials } from "../components/credentials.ts";
import { databases, databaseUrl, type OwnDatabase } from "../components/databases.ts";
import { Gateway } from "../components/gateway.ts";
import { gatewayCertificate } from "../components/gateway-certificate.ts";
import { lettaIdentities } from "../components/letta-identities.ts";
import { LettaServer } from "../components/letta-server.ts";
import { Postgres } from "../components/postgres.ts";
import { ProviderResource } from "../components/provider-resource.ts";
import { Redis } from "../components/redis.ts";
import { type LettaConfig, serverConnections } from "../config/letta.ts";
import { hostUrl, urlAuthority } from "../lib/docker/host.ts";
import { planNetwork } from "../lib/docker/network.ts";
import { gatewayPort } from "../lib/gateway/config.ts";
import { aliases, lettaContainers, lettaNames, probeOwner, serverPorts } from "../lib/names.ts";
import type { RoleLimits } from "../lib/postgres/provision.ts";
import { lettaBackup } from "./letta-backup.ts";
import { lettaStackImages } from "./letta-images.ts";
import { contractVersion, type LettaExports } from "./outputs.ts";

/** Fixed place of the Letta server in its network. */
const serverHostIndex = 10;

/** The shared infrastructure: Postgres, Redis, Letta and its gateway, a database for each project, and their backups. */
export function lettaStack(config: LettaConfig, root: string): LettaExports {
  const names = lettaNames(config.prefix);
  const plan = planNetwork(config.subnet);
  // All at once and first: an image that is not pinned or built, or a file that is not there, is to be known before anything
  // is made.
  const images = lettaStackImages(config, root);
  const certificate = gatewayCertificate(config, images.nginx);
  const serverAddress = plan.host(serverHostIndex);

  const network = bridgeNetwork("network", names.network, plan, {});
  const internalNetwork = bridgeNetwork("internal-network", names.internalNetwork, planNetwork(config.internalSubnet), {
    isInternal: true,
  });
  const credentials = stackCredentials(config);
  const common = { config, networkId: network.id };
  const url = (port: number) => hostUrl(config.bindAddress, port);

  const repository = backupRepository(names.volumes.backup);
  const postgres = new Postgres("postgres", { ...common, image: images.postgres, repository });
  const ownDatabase = (name: string): OwnDatabase => ({ name, credentials: credentials.of(name) });
  const [letta, projects] = [ownDatabase(lettaOwner), config.projects.map(ownDatabase)];
  const redis = new Redis("redis", {
    config,
    image: images.redis,
    networkId: internalNetwork.id,
    credentials: letta.credentials,
  });
  const adminPassword = letta.credentials.apply(({ current }) => current.adminPassword);
  const provisioning = { endpoint: postgres.endpoint, adminPassword };
  const lettaDatabase = databases(
    "database-letta",
    { ...provisioning, databases: [letta], limits: lettaLimits(config) },
    { parent: postgres },
  );
  const projectDatabases = databases(
    "databases-projects",
    { ...provisioning, databases: projects, limits: projectLimits(config), others: [lettaOwner] },
    { parent: postgres },
  );
  const server = new LettaServer("server", {
    ...common,
    image: images.letta,
    networkName: network.name,
    internalNetworkId: internalNetwork.id,
    address: serverAddress,
    postgres,
    redis,
    database: { ...letta, resource: lettaDatabase },
  });
  const users = lettaIdentities(config, { url: url(config.ports.server), password: server.password }, [
    server.service.ready,
  ]);
  const gatewayUrl = hostUrl(config.bindAddress, config.ports.gateway, certificate === undefined ? "http" : "https");
  const shown = certificate === undefined ? {} : { certificate: certificate.certificate };
  const gateway = new Gateway("gateway", {
    ...common,
    image: images.nginx,
    serverAddress,
    serverPassword: server.password,
    credentials,
    users,
    ...(certificate === undefined ? {} : { certificate }),
    readyAfter: [server.service.ready],
  });
  const backup = lettaBackup({
    ...{ ...common, images, repository, postgres, server },
    seed: credentials.seed,
    startAfter: [lettaDatabase, projectDatabases],
  });

  const postgresOnHost = urlAuthority(postgres.endpoint.host, postgres.endpoint.port);
  const services = [postgres.service, redis.service, server.service, gateway.service];
  const sidecars = backup === undefined ? [] : [backup.agent, backup.drill];
  const probe = new ProviderResource(
    "letta-probe",
    "probe",
    {
      url: gatewayUrl,
      ...shown,
      password: credentials.of(probeOwner).apply(({ current }) => current.token),
      trigger: pulumi.all(services.map((service) => service.container.id)).apply((ids) => ids.join(" ")),
    },
    { dependsOn: services.map((service) => service.ready) },
  );
  const containers = lettaContainers(config.prefix, config.backup.enabled);
  for (const [name, clientsOf] of [
    ["network-clients", network],
    ["internal-network-clients", internalNetwork],
  ] as const) {
    new ProviderResource(
      "network-clients",
      name,
      { network: clientsOf.name, ownContainers: containers },
      { dependsOn: [probe, ...sidecars.map((service) => service.container)] },
    );
  }

  return {
    contractVersion,
    healthUrls: { server: `${url(config.ports.server)}/v1/health/`, gateway: `${gatewayUrl}/nginx-health` },
    urls: { server: url(config.ports.server), gateway: gatewayUrl },
    internalUrls: {
      server: `http://${aliases.server}:${serverPorts.requests}`,
      gateway: `http://${aliases.gateway}:${gatewayPort}`,
    },
    ...shown,
    network: { id: network.id, name: network.name, subnet: config.subnet },
    volumes: {
      postgres: postgres.volumeName,
      data: server.dataVolumeName,
      home: server.homeVolumeName,
      redis: redis.volumeName,
      backup: repository.volumeName,
    },
    backup: { enabled: config.backup.enabled, container: names.backup, drillContainer: names.drill },
    containers,
    projects: config.projects,
    users: users.apply((all) => Object.fromEntries(config.projects.map((name) => [name, all[name]]))),
    images: config.images,
    schemaVersion: server.migration.schemaVersion,
    serverPassword: server.password,
    tokens: projectTokens(config.projects, credentials),
    databaseUrls: keyed(config.projects, (name) => databaseUrl(ownDatabase(name))),
    encryptionKeys: keyed(config.projects, credentials.encryptionKeyOf),
    hostDatabaseUrls: keyed([lettaOwner, ...config.projects], (name) => databaseUrl(ownDatabase(name), postgresOnHost)),
    recoveryKey: pulumi.secret(repository.recoveryKey),
    ...(backup === undefined ? {} : { backupSettings: backup.settings }),
  };
}

/** What each project sends to the gateway; secret. */
function projectTokens(
  projects: readonly string[],
  credentials: StackCredentials,
): pulumi.Output<Record<string, string>> {
  const tokenOf = (name: string) => credentials.of(name).apply(({ current }) => current.token);
  return pulumi.secret(pulumi.all(Object.fromEntries(projects.map((name) => [name, tokenOf(name)]))));
}

/** Letta's own limit is what its pool may open, with room for a migration and a look by hand. */
function lettaLimits({ sizes }: LettaConfig): RoleLimits {
  return { connections: serverConnections(sizes.server) + 5, statementSeconds: 0, idleInTransactionSeconds: 0 };
}

function projectLimits({ sizes }: LettaConfig): RoleLimits {
  return {
    connections: sizes.projectConnections,
    statementSeconds: sizes.projectStatementSeconds,
    idleInTransactionSeconds: sizes.projectIdleInTransactionSeconds,
  };
}

function keyed(
  names: readonly string[],
  value: (name: string) => pulumi.Output<string>,
): pulumi.Output<Record<string, string>> {
  return pulumi.secret(pulumi.all(Object.fromEntries(names.map((name) => [name, value(name)]))));
}
