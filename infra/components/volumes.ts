import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { lettaNames } from "../lib/names.ts";
import { dataSecret } from "./credentials.ts";

/**
 * A volume that no destroy, rename or replacement loses.
 *
 * It has no labels, and changes of them are ignored: the provider deletes and recreates a volume whose labels, driver or
 * options differ, even if it was only adopted from an older installation and a refresh saw its labels.
 */
export function dataVolume(name: string, volumeName: string, options: pulumi.CustomResourceOptions): docker.Volume {
  return new docker.Volume(
    name,
    { name: volumeName },
    { ...options, protect: true, retainOnDelete: true, ignoreChanges: ["labels", "driver", "driverOpts"] },
  );
}

/** A volume for a file of logins. Its content follows from the state, so it goes with the stack. */
export function credentialsVolume(
  name: string,
  volumeName: string,
  options: pulumi.CustomResourceOptions,
): docker.Volume {
  return new docker.Volume(
    name,
    { name: volumeName },
    { ...options, ignoreChanges: ["labels", "driver", "driverOpts"] },
  );
}

/** Where the backup's containers leave notes for the status page, which has no way to ask them. */
export function pageNotesVolume({ prefix, volumePrefix }: LettaConfig): pulumi.Output<string> {
  const { status } = lettaNames(prefix, volumePrefix).volumes;
  return new docker.Volume("status-volume", { name: status }, { ignoreChanges: ["labels", "driver", "driverOpts"] })
    .name;
}

/** Where backups are kept. It outlives the containers that make them: turning backups off loses none. */
export interface BackupRepository {
  readonly volumeName: pulumi.Output<string>;
  /** Opens everything in it; the one secret that must also be kept elsewhere. */
  readonly recoveryKey: pulumi.Output<string>;
}

/** The protected volume of the backups, and the key that encrypts them. */
export function backupRepository(volumeName: string): BackupRepository {
  return {
    volumeName: dataVolume("backup-volume", volumeName, {}).name,
    recoveryKey: dataSecret("backup-recovery-key", 44, {}).result,
  };
}
