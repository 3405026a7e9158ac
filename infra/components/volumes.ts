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
  return disposableVolume(name, volumeName, { ...options, protect: true, retainOnDelete: true });
}

/** A volume that goes with the stack: its content follows from the state, or is not worth keeping. */
export function disposableVolume(
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
  return disposableVolume("status-volume", lettaNames(prefix, volumePrefix).volumes.status, {}).name;
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
