import type * as pulumi from "@pulumi/pulumi";
import { Backup } from "../components/backup.ts";
import type { BackupRepository } from "../components/backup-repository.ts";
import type { LettaServer } from "../components/letta-server.ts";
import type { Postgres } from "../components/postgres.ts";
import type { ProjectDatabase } from "../components/project-database.ts";
import type { LettaConfig } from "../config/letta.ts";
import { fingerprint } from "../lib/fingerprint.ts";
import type { LettaStackImages } from "./letta-images.ts";

/** What belongs to one project's data. */
type ProjectSecrets = Pick<ProjectDatabase, "name" | "password" | "encryptionKey">;

interface LettaBackupArgs {
  readonly config: LettaConfig;
  readonly images: LettaStackImages;
  readonly networkId: pulumi.Input<string>;
  readonly repository: BackupRepository;
  readonly postgres: Postgres;
  readonly server: LettaServer;
  readonly databases: readonly ProjectDatabase[];
  readonly retired: readonly ProjectSecrets[];
}

/** The letta stack's backup, or undefined where the config turns it off. */
export function lettaBackup(args: LettaBackupArgs): Backup | undefined {
  const { config, images, networkId, repository, postgres, server, databases } = args;
  if (images.backup === undefined) return undefined;
  return new Backup("backup", {
    config,
    image: images.backup,
    networkId,
    repository,
    volumes: { postgres: postgres.volumeName, home: server.homeVolumeName },
    configHash: configHash(config, images),
    keys: generatedSecrets(args),
    // A first backup before that would be one of nothing.
    startAfter: [...databases.map(({ resource }) => resource), server.migration],
  });
}

/** Changes with all that a restore depends on. */
function configHash({ backup, postgresVolume, sizes }: LettaConfig, { postgres, letta, ...images }: LettaStackImages) {
  const { postgres: size, drill } = sizes;
  return fingerprint({ images: [postgres, letta, images.backup], backup, postgresVolume, sizes: [size, drill] });
}

/** Every secret that a restored cluster is of no use without. */
function generatedSecrets({ postgres, server, databases, retired }: LettaBackupArgs) {
  const ofProjects = [...databases, ...retired].flatMap(({ name, password, encryptionKey }) => [
    [`database-${name}-password`, password],
    [`database-${name}-encryption-key`, encryptionKey],
  ]);
  return {
    "postgres-admin-password": postgres.endpoint.adminPassword,
    "server-password": server.password,
    "server-encryption-key": server.encryptionKey,
    ...(Object.fromEntries(ofProjects) as Record<string, pulumi.Output<string>>),
  };
}
