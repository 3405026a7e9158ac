import * as pulumi from "@pulumi/pulumi";
import type { Credentials, WorkingCredentials } from "../lib/credentials.ts";
import { aliases } from "../lib/names.ts";
import type { RoleLimits, WantedDatabase } from "../lib/postgres/provision.ts";
import type { PostgresEndpoint } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";

/** Extensions every database has: vectors for embeddings, and the uuid functions Thoth's tables default to. */
const extensions = ["vector", "uuid-ossp"];

/** A database of its own, and what its owner logs in with; both are named after the owner. */
export interface OwnDatabase {
  readonly name: string;
  readonly credentials: pulumi.Output<WorkingCredentials>;
}

export interface DatabasesArgs {
  readonly endpoint: PostgresEndpoint;
  readonly adminPassword: pulumi.Input<string>;
  readonly databases: readonly OwnDatabase[];
  readonly limits: RoleLimits;
  /** Databases of other resources; where they are named, whoever is neither here nor there can no longer log in. */
  readonly others?: readonly string[];
}

/** Databases whose roles own them and reach no other; one resource, however many there are. */
export function databases(name: string, args: DatabasesArgs, options: { parent: pulumi.Resource }): pulumi.Resource {
  const { host, port, container, ready } = args.endpoint;
  return new ProviderResource(
    "database",
    name,
    {
      ...{ host, port, container, extensions },
      adminPassword: args.adminPassword,
      databases: pulumi.secret(pulumi.all(args.databases.map(wanted))),
      limits: args.limits,
      ...(args.others === undefined ? {} : { others: [...args.others] }),
    },
    { ...options, dependsOn: ready },
  );
}

/** A connection URL, by default as containers on the letta network use it; secret. */
export function databaseUrl(
  { name, credentials }: OwnDatabase,
  authority = `${aliases.postgres}:5432`,
): pulumi.Output<string> {
  return pulumi.secret(
    credentials.apply(({ current }) => `postgresql://${current.role}:${current.databasePassword}@${authority}/${name}`),
  );
}

function wanted({ name, credentials }: OwnDatabase): pulumi.Output<WantedDatabase> {
  const login = ({ role, databasePassword: password }: Credentials) => ({ role, password });
  return credentials.apply(({ current, previous }) => ({
    name,
    logins: [current, ...(previous === undefined ? [] : [previous])].map(login),
  }));
}
