import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { firstGeneration } from "../lib/credentials.ts";
import { urlAuthority } from "../lib/docker/network.ts";
import { probeOwner } from "../lib/names.ts";
import type { StackCredentials } from "./credentials.ts";
import { databaseUrl } from "./databases.ts";
import type { PostgresEndpoint } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";

/** An application that shares Letta, and what it needs for that. All outputs but the user are secret. */
export interface Project {
  /** Id of the Letta user that it acts as; each has its own organization. */
  readonly user: pulumi.Output<string>;
  /** Of its credentials. */
  readonly generation: number;
  /** Its bearer token for the gateway. */
  readonly token: pulumi.Output<string>;
  /** For containers on the letta network. */
  readonly databaseUrl: pulumi.Output<string>;
  /** For processes on this host, such as psql and migrations. */
  readonly hostDatabaseUrl: pulumi.Output<string>;
  /** 32 random bytes in URL-safe base64, for what it encrypts in its database. */
  readonly encryptionKey: pulumi.Output<string>;
}

export interface ProjectsArgs {
  readonly credentials: StackCredentials;
  readonly endpoint: PostgresEndpoint;
  /** Project -> id of its Letta user. */
  readonly users: pulumi.Output<Record<string, string>>;
}

/** Name -> project. No resources: one resource has all databases and one all users, as each resource slows every update. */
export function stackProjects(
  { projects, credentials: states }: LettaConfig,
  { credentials, endpoint, users }: ProjectsArgs,
): Record<string, Project> {
  const project = (name: string): Project => {
    const database = { name, credentials: credentials.of(name) };
    return {
      user: users.apply((all) => all[name] as string),
      generation: (states[name] ?? firstGeneration).generation,
      token: pulumi.secret(database.credentials.apply(({ current }) => current.token)),
      databaseUrl: databaseUrl(database),
      hostDatabaseUrl: databaseUrl(database, urlAuthority(endpoint.host, endpoint.port)),
      encryptionKey: credentials.encryptionKeyOf(name),
    };
  };
  return Object.fromEntries(projects.map((name) => [name, project(name)]));
}

class Identities extends ProviderResource<"letta-identities"> {
  declare readonly users: pulumi.Output<Record<string, string>>;
}

/** The Letta users of the projects and of the stack's own probe: name -> id. */
export function projectUsers(
  { projects, defaultProject }: LettaConfig,
  server: { readonly url: string; readonly password: pulumi.Output<string> },
  dependsOn: pulumi.Resource[],
): pulumi.Output<Record<string, string>> {
  const wanted = { ...server, projects: [...projects, probeOwner], defaultProject };
  return new Identities("letta-identities", "identities", wanted, { dependsOn }, ["users"]).users;
}
