import * as pulumi from "@pulumi/pulumi";
import { stackCredentials } from "../components/credentials.ts";
import { stackDatabases } from "../components/databases.ts";
import { Gateway } from "../components/gateway.ts";
import { gatewayCertificate } from "../components/gateway-certificate.ts";
import { LettaServer } from "../components/letta-server.ts";
import { guardNetworks, lettaNetworks } from "../components/networks.ts";
import { Postgres } from "../components/postgres.ts";
import { projectUsers, stackProjects } from "../components/project.ts";
import { ProviderResource } from "../components/provider-resource.ts";
import { Redis } from "../components/redis.ts";
import { StatusPage } from "../components/status-page.ts";
import { TrialModel } from "../components/trial-model.ts";
import { backupRepository, pageNotesVolume } from "../components/volumes.ts";
import type { LettaConfig } from "../config/letta.ts";
import { lettaNames, lettaOwner, probeOwner } from "../lib/names.ts";
import { lettaBackup } from "./letta-backup.ts";
import { gatewayUrl, lettaExports, serverUrl } from "./letta-exports.ts";
import { lettaStackImages } from "./letta-images.ts";
import type { LettaExports } from "./outputs.ts";

/** The shared infrastructure: Postgres, Redis, Letta and its gateway, a database for each project, and their backups. */
export function lettaStack(config: LettaConfig, root: string): LettaExports {
  // First, so that an image that is not pinned or a missing file stops the update before it changes anything.
  const images = lettaStackImages(config, root);
  const certificate = gatewayCertificate(config, images.nginx);

  const networks = lettaNetworks(config);
  const { shared, internal, addresses } = networks;
  const common = { config, networkId: shared.id };
  const credentials = stackCredentials(config);
  const own = credentials.of(lettaOwner);
  const repository = backupRepository(lettaNames(config.prefix, config.volumePrefix).volumes.backup);

  const postgres = new Postgres("postgres", { ...common, image: images.postgres, repository });
  const databases = stackDatabases(config, postgres, credentials);
  const redis = new Redis("redis", { config, image: images.redis, networkId: internal.id, credentials: own });
  const model =
    images.model === undefined
      ? undefined
      : new TrialModel("model", { config, image: images.model, networkId: internal.id });
  const server = new LettaServer("server", {
    ...{ ...common, image: images.letta, networkName: shared.name, internalNetworkId: internal.id },
    ...{ address: addresses.server, postgres, redis, database: databases.letta },
  });
  const { password, service } = server;
  const users = projectUsers(config, { url: serverUrl(config), password }, [service.ready]);
  const gateway = new Gateway("gateway", {
    ...{ ...common, image: images.nginx, addresses, serverPassword: password, credentials, users },
    ...(certificate === undefined ? {} : { certificate }),
    readyAfter: [service.ready],
  });
  const startAfter = [databases.letta.resource, databases.projects];
  const seed = credentials.firstSeed;
  const statusVolume = images.page === undefined ? undefined : pageNotesVolume(config);
  const backup = lettaBackup({ ...common, images, repository, postgres, server, statusVolume, seed, startAfter });
  const { endpoint } = postgres;
  const page =
    images.page === undefined || statusVolume === undefined
      ? undefined
      : new StatusPage("page", {
          ...{ config, image: images.page, networks, credentials, endpoint, statusVolume, users },
          startAfter: [...startAfter, server.migration],
        });

  const services = [postgres.service, redis.service, service, gateway.service];
  const probe = new ProviderResource(
    "letta-probe",
    "probe",
    {
      url: gatewayUrl(config),
      ...(certificate === undefined ? {} : { certificate: certificate.certificate }),
      password: credentials.of(probeOwner).apply(({ current }) => current.token),
      trigger: pulumi.all(services.map(({ container }) => container.id)).apply((ids) => ids.join(" ")),
    },
    { dependsOn: services.map(({ ready }) => ready) },
  );
  const sidecars = backup === undefined ? [] : [backup.agent, backup.drill];
  const others = [...sidecars, ...[model, page].flatMap((one) => one?.service ?? [])];
  guardNetworks(config, networks, [probe, ...others.map(({ container }) => container)]);

  const projects = stackProjects(config, { credentials, endpoint, users });
  return lettaExports({
    config,
    nginxImage: images.nginx,
    network: shared,
    postgres,
    redis,
    server,
    repository,
    backup,
    certificate,
    page,
    projects,
    own,
  });
}
