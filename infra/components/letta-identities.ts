import type * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { probeOwner } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";

class Identities extends ProviderResource<"letta-identities"> {
  declare readonly users: pulumi.Output<Record<string, string>>;
}

/** Project, or what the stack's own probe is called -> id of the Letta user that it acts as. */
export function lettaIdentities(
  { projects, defaultProject }: LettaConfig,
  server: { readonly url: string; readonly password: pulumi.Output<string> },
  dependsOn: pulumi.Resource[],
): pulumi.Output<Record<string, string>> {
  const wanted = { ...server, projects: [...projects, probeOwner], defaultProject };
  return new Identities("letta-identities", "identities", wanted, { dependsOn }, ["users"]).users;
}
