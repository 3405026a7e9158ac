import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";

/**
 * A volume that no destroy, rename or replacement loses.
 *
 * It has no labels, and changes of them are ignored: the provider deletes and remakes a volume whose labels, driver or
 * options differ, also when the volume was only adopted from an older installation and a refresh saw its labels.
 */
export function dataVolume(name: string, volumeName: string, options: pulumi.CustomResourceOptions): docker.Volume {
  return new docker.Volume(
    name,
    { name: volumeName },
    { ...options, protect: true, retainOnDelete: true, ignoreChanges: ["labels", "driver", "driverOpts"] },
  );
}

/** A volume for a file of logins: what is in it follows from the state, and it goes with the stack. */
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
