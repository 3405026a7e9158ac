import type * as pulumi from "@pulumi/pulumi";
import type { PostgresEndpoint } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";
import { dataSecret } from "./secret.ts";

/** Extensions every project's database has: vectors for embeddings, and the uuid functions Thoth's tables default to. */
const extensions = ["vector", "uuid-ossp"];

/** One project's database, as its application needs it. */
export interface ProjectDatabase {
  /** Name of the database and of its role. */
  readonly name: string;
  readonly password: pulumi.Output<string>;
  /** 32 random bytes in URL-safe base64. It lives as long as the database: a lost key is lost data. */
  readonly encryptionKey: pulumi.Output<string>;
  readonly resource: pulumi.Resource;
}

/** A database of its own for a project, with a role that owns it, reaches no other, and has a generated password. */
export function projectDatabase(
  project: string,
  args: { endpoint: PostgresEndpoint; connectionLimit: number },
  options: { parent: pulumi.Resource },
): ProjectDatabase {
  const { password, encryptionKey } = projectSecrets(project, options);
  const resource = new ProviderResource(
    "database",
    `database-${project}`,
    {
      host: args.endpoint.host,
      port: args.endpoint.port,
      adminPassword: args.endpoint.adminPassword,
      database: project,
      password,
      connectionLimit: args.connectionLimit,
      extensions,
    },
    { ...options, dependsOn: args.endpoint.ready },
  );
  return { name: project, password, encryptionKey, resource };
}

/** The secrets that belong to a project's data, for as long as the data is kept: also when the project is retired. */
export function projectSecrets(
  project: string,
  options: { parent: pulumi.Resource },
): Pick<ProjectDatabase, "password" | "encryptionKey"> {
  const key = dataSecret(`database-${project}-key`, 32, options).result;
  return {
    password: dataSecret(`database-${project}-password`, 32, options).result,
    encryptionKey: key.apply((text) => Buffer.from(text).toString("base64").replaceAll("+", "-").replaceAll("/", "_")),
  };
}
