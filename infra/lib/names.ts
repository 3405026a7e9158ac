/** The project's name in Pulumi.yaml; also the namespace of config keys and of Docker labels. */
export const projectName = "thoth-letta";

/** Docker labels by which scripts find a stack's containers. */
export const labels = {
  prefix: `${projectName}.prefix`,
  service: `${projectName}.service`,
} as const;

/** Owner of Letta's own database and credentials; no project can have this name. */
export const lettaOwner = "letta";

/** All databases of a letta stack, which are named after their owners: Letta's own and each project's. */
export const databaseNames = (projects: readonly string[]) => [lettaOwner, ...projects];

/** Owner of the credentials of the stack's own probe, which uses the gateway as projects do; no project can have this name. */
export const probeOwner = "letta-probe";

/** Owner of the credentials of the status page, and the name of its role in Postgres; no project can have this name. */
export const pageOwner = "letta-page";

/** Network aliases by which containers reach each other; the same in every letta stack, whatever its prefix. */
export const aliases = {
  postgres: "letta-postgres",
  redis: "letta-redis",
  server: "letta-server",
  gateway: "letta-nginx",
  backup: "letta-backup",
  model: "letta-model",
  page: "letta-page",
} as const;

/** The name of this host in every container that has a way out. */
export const hostAlias = "host.docker.internal";

/** Ports of Letta's server in its container: the same API on both, served by different processes. */
export const serverPorts = { requests: 8283, runs: 8285 } as const;

/** Ports of the trial model in its container. */
export const modelPorts = { chat: 8080, embedding: 8081 } as const;

/**
 * Docker names of a letta stack; with the default prefix `letta` they are `letta-postgres`, `letta-network`, …
 *
 * @param volumePrefix start of the volumes' names, where an older installation has those of the default
 */
export function lettaNames(prefix: string, volumePrefix = prefix) {
  return {
    network: `${prefix}-network`,
    /** Of Letta and Redis alone, without a way out: a second wall around Redis besides its password. */
    internalNetwork: `${prefix}-internal`,
    postgres: `${prefix}-postgres`,
    redis: `${prefix}-redis`,
    server: `${prefix}-server`,
    gateway: `${prefix}-nginx`,
    backup: `${prefix}-backup`,
    drill: `${prefix}-drill`,
    model: `${prefix}-model`,
    page: `${prefix}-page`,
    volumes: {
      postgres: `${volumePrefix}-postgres`,
      redis: `${volumePrefix}-redis`,
      home: `${volumePrefix}-home`,
      data: `${volumePrefix}-data`,
      backup: `${volumePrefix}-backup`,
      scratch: `${volumePrefix}-scratch`,
      /** The status page's history of a day. */
      page: `${volumePrefix}-page`,
      /** What the backup's containers leave for it. */
      status: `${volumePrefix}-status`,
      /** Files that a container rereads while it runs; an update recreates them. */
      serverCredentials: `${volumePrefix}-server-credentials`,
      redisCredentials: `${volumePrefix}-redis-credentials`,
      gatewayCredentials: `${volumePrefix}-nginx-credentials`,
      pageCredentials: `${volumePrefix}-page-credentials`,
    },
  } as const;
}

/** Docker names of a letta stack's containers, in start order. */
export function lettaContainers(
  prefix: string,
  has: { readonly backup: boolean; readonly model: boolean; readonly page: boolean },
): string[] {
  const { postgres, backup, drill, redis, model, server, gateway, page } = lettaNames(prefix);
  return [
    ...[postgres, ...(has.backup ? [backup, drill] : []), redis],
    ...(has.model ? [model] : []),
    ...[server, gateway],
    ...(has.page ? [page] : []),
  ];
}

/** The same containers in stop order; those of one group may stop together. */
export function lettaStopOrder(prefix: string): string[][] {
  const { postgres, backup, drill, redis, model, server, gateway, page } = lettaNames(prefix);
  // What writes goes first, then the backup, which archives the last writes, then the data.
  return [[gateway, server, drill, model, page], [backup], [redis, postgres]];
}

/** In containers with secrets: sets them as environment, then becomes the given command. */
export const secretsWrapper = "/run/thoth-letta/with-secrets.sh";

/** Thoth's four roles, in start order. */
export const thothRoles = ["api", "mcp", "discovery", "monitor"] as const;
export type ThothRole = (typeof thothRoles)[number];

/** The role of a thoth stack's proxy to the gateway, which is not a program of Thoth. */
export const proxyRole = "letta-proxy";

/** How a thoth stack's roles are spread over containers: all in one, or one each. */
export const shapes = ["all-in-one", "roles"] as const;
export type Shape = (typeof shapes)[number];

/** Docker names of a thoth stack; with the default prefix `thoth` they are `thoth-network`, `thoth-all-in-one`, … */
export function thothNames(prefix: string) {
  return {
    network: `${prefix}-network`,
    proxy: `${prefix}-${proxyRole}`,
    allInOne: `${prefix}-all-in-one`,
    /** Of the role's own container; where all are in one, the role's network alias. */
    role: (role: string) => `${prefix}-${role}`,
  } as const;
}

/** The container that each role of a thoth stack runs in: role -> Docker name, in start order. */
export function roleContainers(prefix: string, shape: Shape, roles: readonly string[]): Record<string, string> {
  const { allInOne, role } = thothNames(prefix);
  return Object.fromEntries(roles.map((name) => [name, shape === "all-in-one" ? allInOne : role(name)]));
}

/** In the container with all roles. */
export const allInOneHealth = "/run/thoth-letta/all-in-one-health.sh";

/** Command in the container with all roles that says which of these are red, and why, and then fails. */
export const roleCheck = (...roles: string[]) => ["sh", allInOneHealth, ...roles];
