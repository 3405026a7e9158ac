import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { deriveSecret, firstGeneration, type WorkingCredentials, workingCredentials } from "../lib/credentials.ts";
import { dataSecret } from "./secret.ts";

/** Whose credentials Letta's own are: a name that no project can have. */
export const lettaOwner = "letta";

/** Everything that a letta stack's containers and projects log in with, from one protected seed. */
export interface StackCredentials {
  /** What all of them follow from; secret. */
  readonly seed: pulumi.Output<string>;
  /** What works for an owner, a project or {@link lettaOwner}; secret. */
  readonly of: (owner: string) => pulumi.Output<WorkingCredentials>;
  /** 32 random bytes in URL-safe base64, of one project for as long as the seed is there: a lost key is lost data; secret. */
  readonly encryptionKeyOf: (project: string) => pulumi.Output<string>;
}

export function stackCredentials(config: Pick<LettaConfig, "credentials">): StackCredentials {
  const seed = dataSecret("credentials-seed", 64, {}).result;
  const derived = <Value>(derive: (text: string) => Value) => pulumi.secret(seed.apply(derive)) as pulumi.Output<Value>;
  return {
    seed,
    of: (owner) => derived((text) => workingCredentials(text, owner, config.credentials[owner] ?? firstGeneration)),
    encryptionKeyOf: (project) =>
      derived((text) => Buffer.from(deriveSecret(text, `${project}/encryption-key`, 32)).toString("base64url")),
  };
}
