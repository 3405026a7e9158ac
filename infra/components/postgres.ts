import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { hostAddress } from "../lib/host.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { dataVolume } from "./data-volume.ts";
import { dataSecret } from "./secret.ts";
import { Service } from "./service.ts";
import { readContainerFile } from "./service-files.ts";

/** How provisioning and scripts on this host reach Postgres. */
export interface PostgresEndpoint {
  readonly host: string;
  readonly port: number;
  readonly adminPassword: pulumi.Output<string>;
  readonly ready: pulumi.Resource;
}

const guardPath = "/usr/local/bin/postgres-guard";
const volumePath = "/var/lib/postgresql/data";

/** Postgres 17 with pgvector on a protected volume, one instance at a time. */
export class Postgres extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Postgres";
  readonly service: Service;
  readonly endpoint: PostgresEndpoint;

  constructor(
    name: string,
    args: { config: LettaConfig; image: string; networkId: pulumi.Input<string> },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(Postgres.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix);
    const volume = dataVolume(`${name}-volume`, names.volumes.postgres, { parent: this });
    const adminPassword = dataSecret(`${name}-admin-password`, 32, { parent: this });
    this.service = new Service(
      name,
      {
        containerName: names.postgres,
        prefix: config.prefix,
        service: "postgres",
        image: args.image,
        command: ["bash", guardPath, "postgres", ...postgresSettings(config)],
        networks: [{ id: args.networkId, aliases: [aliases.postgres] }],
        ports: [{ internal: 5432, external: config.ports.postgres, bindAddress: config.bindAddress }],
        env: {
          // A folder of the volume, so that lock and markers can lie beside it.
          PGDATA: `${volumePath}/pgdata`,
          // Postgres' own collation: an image with another C library cannot corrupt an index.
          POSTGRES_INITDB_ARGS: "--data-checksums --locale-provider=builtin --locale=C.UTF-8 --encoding=UTF8",
        },
        secretEnv: { POSTGRES_PASSWORD: adminPassword.result },
        files: [{ path: guardPath, content: readContainerFile("postgres-guard.sh") }],
        mounts: [{ type: "volume", source: volume.name, target: volumePath }],
        // Over TCP: during a first start the image runs a server on the socket alone, which is not the one to wait for.
        health: { test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"], readyTimeoutSeconds: 120 },
        memoryMiB: config.sizes.postgres.memoryMiB,
        sharedMemoryMiB: 256,
        // Fast shutdown: ends sessions and checkpoints. SIGTERM waits for every client to leave.
        stopSignal: "SIGINT",
        stopGraceSeconds: 120,
      },
      { parent: this },
    );
    this.endpoint = {
      host: hostAddress(config.bindAddress),
      port: config.ports.postgres,
      adminPassword: adminPassword.result,
      ready: this.service.ready,
    };
    this.registerOutputs();
  }
}

/** Server settings as command line options: they can be read in the plan, and a change replaces the container. */
export function postgresSettings({ sizes }: Pick<LettaConfig, "sizes">): string[] {
  const settings = {
    max_connections: sizes.postgres.maxConnections,
    shared_buffers: `${sizes.postgres.sharedBuffersMiB}MB`,
    password_encryption: "scram-sha-256",
    wal_level: "replica",
    log_checkpoints: "off",
  };
  return Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
}
