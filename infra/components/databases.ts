import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { serverConnections } from "../config/sizes.ts";
import type { Credentials, WorkingCredentials } from "../lib/credentials.ts";
import { aliases, lettaOwner } from "../lib/names.ts";
import type { RoleLimits, WantedDatabase } from "../lib/postgres/provision.ts";
import type { StackCredentials } from "./credentials.ts";
import type { Postgres } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";

/** Extensions every database has: vectors for embeddings, and the uuid functions Thoth's tables default to. */
const extensions = ["vector", "uuid-ossp"];

/** A database and what its owner logs in with; both are named after the owner. */
export interface OwnDatabase {
  readonly name: string;
  readonly credentials: pulumi.Output<WorkingCredentials>;
  /** Postgres connections that it may hold; default: the same as others. */
  readonly connections?: number | undefined;
}

/** The databases of a letta stack. */
export interface StackDatabases {
  /** Letta's own, which is migrated before the others exist. */
  readonly letta: OwnDatabase & { readonly resource: pulumi.Resource };
  /** All projects': one resource, as each resource slows every update. */
  readonly projects: pulumi.Resource;
}

export function stackDatabases(config: LettaConfig, postgres: Postgres, credentials: StackCredentials): StackDatabases {
  const own = (name: string): OwnDatabase => ({
    name,
    credentials: credentials.of(name),
    connections: config.sizes.connections[name],
  });
  const letta = own(lettaOwner);
  const { host, port, container, ready } = postgres.endpoint;
  const adminPassword = letta.credentials.apply(({ current }) => current.adminPassword);
  const provision = (name: string, databases: OwnDatabase[], limits: RoleLimits, others: { others?: string[] }) =>
    new ProviderResource(
      "database",
      name,
      {
        ...{ host, port, container, extensions, adminPassword, limits, ...others },
        databases: pulumi.secret(pulumi.all(databases.map(wanted))),
      },
      { parent: postgres, dependsOn: ready },
    );
  return {
    letta: { ...letta, resource: provision("database-letta", [letta], lettaLimits(config), {}) },
    projects: provision("databases-projects", config.projects.map(own), projectLimits(config), {
      others: [lettaOwner],
    }),
  };
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

function wanted({ name, credentials, connections }: OwnDatabase): pulumi.Output<WantedDatabase> {
  const login = ({ role, databasePassword: password }: Credentials) => ({ role, password });
  return credentials.apply(({ current, previous }) => ({
    name,
    logins: [current, ...(previous === undefined ? [] : [previous])].map(login),
    ...(connections === undefined ? {} : { connections }),
  }));
}

/** What Letta's pools may open, with room for a migration and an operator's psql. */
function lettaLimits({ sizes }: LettaConfig): RoleLimits {
  return { connections: serverConnections(sizes.server) + 5, statementSeconds: 0, idleInTransactionSeconds: 0 };
}

function projectLimits({ sizes }: LettaConfig): RoleLimits {
  return {
    connections: sizes.projectConnections,
    statementSeconds: sizes.projectStatementSeconds,
    idleInTransactionSeconds: sizes.projectIdleInTransactionSeconds,
  };
}
