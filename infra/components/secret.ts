import type * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/**
 * A generated secret of letters and digits, which every URI, config file and shell takes as it is.
 *
 * Protected: it belongs to data that outlives the containers, and a new one would lock Letta out of its volume.
 */
export function dataSecret(name: string, length: number, options: pulumi.CustomResourceOptions): random.RandomPassword {
  return new random.RandomPassword(name, { length, special: false }, { ...options, protect: true });
}
