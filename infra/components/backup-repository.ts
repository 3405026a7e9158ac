import type * as pulumi from "@pulumi/pulumi";
import { dataVolume } from "./data-volume.ts";
import { dataSecret } from "./secret.ts";

/** What backups are kept in. It outlives what makes them: turning backups off loses none. */
export interface BackupRepository {
  readonly volumeName: pulumi.Output<string>;
  /** Opens everything in it; the one secret that has to be kept elsewhere. */
  readonly recoveryKey: pulumi.Output<string>;
}

/** The protected volume of the backups, and the key that they are encrypted with. */
export function backupRepository(volumeName: string): BackupRepository {
  return {
    volumeName: dataVolume("backup-volume", volumeName, {}).name,
    recoveryKey: dataSecret("backup-recovery-key", 44, {}).result,
  };
}
