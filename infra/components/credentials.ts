import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { LettaConfig } from "../config/letta.ts";
import {
  type CredentialState,
  deriveSecret,
  firstGeneration,
  validGenerations,
  type WorkingCredentials,
  workingCredentials,
} from "../lib/credentials.ts";
import { databaseNames, lettaOwner, pageOwner, probeOwner } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";

/** What a letta stack's containers and projects log in with; all of it is secret. */
export interface StackCredentials {
  /** Encryption keys derive from it for good, and credentials until their first rotation. */
  readonly firstSeed: pulumi.Output<string>;
  /** What is valid for an owner: a project, {@link lettaOwner}, {@link probeOwner} or {@link pageOwner}. */
  readonly of: (owner: string) => pulumi.Output<WorkingCredentials>;
  /** A project's key as 32 random bytes in URL-safe base64. No rotation changes it: a lost key is lost data. */
  readonly encryptionKeyOf: (project: string) => pulumi.Output<string>;
}

class LoginSeeds extends ProviderResource<"login-seeds"> {
  declare readonly seeds: pulumi.Output<Record<string, string>>;
}

export function stackCredentials({
  projects,
  credentials,
}: Pick<LettaConfig, "projects" | "credentials">): StackCredentials {
  // The probe and the page are parts of the stack, and rotate with Letta.
  const parts: readonly string[] = [probeOwner, pageOwner];
  const stateOf = (owner: string): CredentialState =>
    credentials[parts.includes(owner) ? lettaOwner : owner] ?? firstGeneration;
  const firstSeed = dataSecret("credentials-seed", 64, {}).result;
  const owners = [...databaseNames(projects), ...parts];
  const { seeds } = new LoginSeeds(
    "login-seeds",
    "login-seeds",
    { valid: owners.flatMap((owner) => validGenerations(stateOf(owner)).map((one) => `${owner}/${one}`)) },
    // A destroy keeps passwords, as it keeps the data that they open.
    { protect: true, additionalSecretOutputs: ["seeds"] },
    ["seeds"],
  );
  const known = pulumi.all([firstSeed, seeds]);
  return {
    firstSeed,
    of: (owner) =>
      pulumi.secret(
        known.apply(([first, all]) =>
          workingCredentials(owner, stateOf(owner), (generation) => {
            const seed = all[`${owner}/${generation}`];
            if (seed === undefined) throw new Error(`generation ${generation} of ${owner} has no seed`);
            return seed === "" ? first : seed;
          }),
        ),
      ),
    encryptionKeyOf: (project) =>
      pulumi.secret(
        firstSeed.apply((seed) =>
          Buffer.from(deriveSecret(seed, `${project}/encryption-key`, 32)).toString("base64url"),
        ),
      ),
  };
}

/**
 * A generated secret of letters and digits, which needs no quoting in a URI, config file or shell.
 *
 * Protected: it opens data that outlives the containers, and a new one would lock Letta out of its volume.
 */
export function dataSecret(name: string, length: number, options: pulumi.CustomResourceOptions): random.RandomPassword {
  return new random.RandomPassword(name, { length, special: false }, { ...options, protect: true });
}
