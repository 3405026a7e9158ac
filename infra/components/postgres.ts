import * as pulumi from "@pulumi/pulumi";
import { paths as backupPaths, postgresUser } from "../../images/backup/src/contract.ts";
import type { LettaConfig } from "../config/letta.ts";
import { hostAddress } from "../lib/docker/network.ts";
import { readImageFile } from "../lib/image-files.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { adminRole } from "../lib/postgres/connect.ts";
import { archiveEnvironment, postgresFiles, postgresPaths, postgresSettings } from "./postgres-settings.ts";
import { Service } from "./service/service.ts";
import type { BackupRepository } from "./volumes.ts";
import { dataVolume } from "./volumes.ts";

/** How provisioning and scripts on this host reach Postgres. */
export interface PostgresEndpoint {
  readonly host: string;
  readonly port: number;
  /** Docker name; the superuser can only use the socket in this container. */
  readonly container: string;
  readonly ready: pulumi.Resource;
}

/** Postgres 17 with pgvector on a protected volume, one instance at a time. */
export class Postgres extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Postgres";
  readonly service: Service;
  readonly endpoint: PostgresEndpoint;
  readonly volumeName: pulumi.Output<string>;

  constructor(
    name: string,
    args: { config: LettaConfig; image: string; networkId: pulumi.Input<string>; repository: BackupRepository },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(Postgres.type, name, {}, options);
    const { config, repository } = args;
    const names = lettaNames(config.prefix);
    const volume = dataVolume(`${name}-volume`, config.postgresVolume, { parent: this });
    this.service = new Service(
      name,
      {
        containerName: names.postgres,
        prefix: config.prefix,
        service: "postgres",
        image: args.image,
        command: ["bash", postgresPaths.guard, "postgres", ...postgresSettings(config)],
        networks: [{ id: args.networkId, aliases: [aliases.postgres] }],
        ports: [{ internal: 5432, external: config.ports.postgres, bindAddress: config.bindAddress }],
        env: {
          // A subfolder of the volume, so that lock and marks can lie next to it.
          PGDATA: postgresPaths.cluster,
          // Postgres' own collation: an image with another C library cannot corrupt an index.
          POSTGRES_INITDB_ARGS: "--data-checksums --locale-provider=builtin --locale=C.UTF-8 --encoding=UTF8",
          ...archiveEnvironment(config.backup),
        },
        ...(config.backup.enabled ? { secretEnv: { PGBACKREST_REPO1_CIPHER_PASS: repository.recoveryKey } } : {}),
        files: Object.entries(postgresFiles).map(([path, file]) => ({
          path,
          content: readImageFile(`postgres/uploads/${file}`),
        })),
        mounts: [{ type: "volume", source: volume.name, target: postgresPaths.volume }],
        // Not a mount: `docker inspect` would list the two in another order, and people ask it for the data's.
        ...(config.backup.enabled
          ? { volumes: [{ volumeName: repository.volumeName, containerPath: backupPaths.repository }] }
          : {}),
        // Over TCP: during a first start the image runs a temporary server on the socket only.
        // As a role that would be asked for a password: a rejected one leaves a line in the log each time.
        health: {
          test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", adminRole, "-d", "postgres"],
          readyTimeoutSeconds: 120,
        },
        limits: config.sizes.postgres,
        user: `${postgresUser.uid}:${postgresUser.gid}`,
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
      container: names.postgres,
      ready: this.service.ready,
    };
    this.volumeName = volume.name;
    this.registerOutputs();
  }
}
