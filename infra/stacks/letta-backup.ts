import type * as pulumi from "@pulumi/pulumi";
import { Backup } from "../components/backup.ts";
import type { LettaServer } from "../components/letta-server.ts";
import type { Postgres } from "../components/postgres.ts";
import type { BackupRepository } from "../components/volumes.ts";
import type { LettaConfig } from "../config/letta.ts";
import { fingerprint } from "../lib/fingerprint.ts";
import type { LettaStackImages } from "./letta-images.ts";

interface LettaBackupArgs {
  readonly config: LettaConfig;
  readonly images: LettaStackImages;
  readonly networkId: pulumi.Input<string>;
  readonly repository: BackupRepository;
  readonly postgres: Postgres;
  readonly server: LettaServer;
  /** The volume of the status page's notes. */
  readonly statusVolume: pulumi.Input<string> | undefined;
  /** What the projects' encryption keys derive from. */
  readonly seed: pulumi.Output<string>;
  /** The databases: a first backup before them would be one of nothing. */
  readonly startAfter: readonly pulumi.Resource[];
}

/** The letta stack's backup, or undefined where the config turns it off. */
export function lettaBackup(args: LettaBackupArgs): Backup | undefined {
  const { config, images, networkId, repository, postgres, server, statusVolume, seed, startAfter } = args;
  if (images.backup === undefined) return undefined;
  return new Backup("backup", {
    config,
    image: images.backup,
    networkId,
    repository,
    volumes: { postgres: postgres.volumeName, home: server.homeVolumeName, data: server.dataVolumeName },
    statusVolume,
    configHash: configHash(config, images),
    // Without these, what is encrypted in a restored cluster would be lost; passwords are set again by an update.
    keys: { "credentials-seed": seed, "server-encryption-key": server.encryptionKey },
    startAfter: [...startAfter, server.migration],
  });
}

/** Changes with all that a restore depends on. */
function configHash({ backup, postgresVolume, sizes }: LettaConfig, { postgres, letta, ...images }: LettaStackImages) {
  const { postgres: size, drill } = sizes;
  return fingerprint({ images: [postgres, letta, images.backup], backup, postgresVolume, sizes: [size, drill] });
}
