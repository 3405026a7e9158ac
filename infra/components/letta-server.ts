import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { gatewayPort } from "../lib/gateway/config.ts";
import { launcherFiles } from "../lib/image-files.ts";
import { aliases, hostAlias, lettaNames, serverPorts } from "../lib/names.ts";
import { noProxyFor } from "../lib/no-proxy.ts";
import { dataSecret } from "./credentials.ts";
import { databaseUrl, type OwnDatabase } from "./databases.ts";
import { modelEnvironment } from "./letta-models.ts";
import type { Postgres } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";
import { type Redis, redisUser } from "./redis.ts";
import { Service } from "./service/service.ts";
import { dataVolume, disposableVolume } from "./volumes.ts";

const filesPath = "/run/thoth-letta";
const credentialsPath = "/run/credentials";
const homePath = "/letta";
/** Where each running tool has a folder; the same in images/letta/launcher. */
const toolFolders = "/run/letta-tools";

export interface LettaServerArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networkId: pulumi.Input<string>;
  readonly networkName: pulumi.Input<string>;
  /** The network that Redis is on. */
  readonly internalNetworkId: pulumi.Input<string>;
  /** The server's fixed address on the network, by which the gateway finds it. */
  readonly address: string;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly database: OwnDatabase & { readonly resource: pulumi.Resource };
}

class Migration extends ProviderResource<"migration"> {
  /** The Alembic revision the database is at. */
  declare readonly schemaVersion: pulumi.Output<string>;
}

/** The Letta server: migrated before it serves, with connection pool and Redis enabled, and closed without its password. */
export class LettaServer extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Server";
  readonly service: Service;
  readonly migration: Migration;
  readonly password: pulumi.Output<string>;
  /** For what Letta encrypts in its database; secret. */
  readonly encryptionKey: pulumi.Output<string>;
  readonly dataVolumeName: pulumi.Output<string>;
  readonly homeVolumeName: pulumi.Output<string>;

  constructor(name: string, args: LettaServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(LettaServer.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix, config.volumePrefix);
    const home = dataVolume(`${name}-home`, names.volumes.home, { parent: this });
    const data = dataVolume(`${name}-data`, names.volumes.data, { parent: this });
    const own = args.database.credentials;
    const models = modelEnvironment(config);
    this.password = pulumi.secret(own.apply(({ current }) => current.token));
    this.encryptionKey = dataSecret(`${name}-encryption-key`, 44, { parent: this }).result;
    this.migration = migration(`${name}-migration`, args, this);
    const logins = disposableVolume(`${name}-credentials`, names.volumes.serverCredentials, { parent: this });
    const loginsFile = new ProviderResource(
      "volume-file",
      `${name}-credentials-file`,
      {
        volume: logins.name,
        file: "letta.json",
        content: lettaCredentials(own),
        owner: "0:0",
        image: args.image,
        container: names.server,
        // The server watches the files.
        reload: [],
      },
      // Its logins must work before the server sees them.
      { parent: this, dependsOn: [args.database.resource, args.redis.users] },
    );
    this.service = new Service(
      name,
      {
        containerName: names.server,
        prefix: config.prefix,
        service: "server",
        image: args.image,
        command: ["python3", `${filesPath}/serve.py`],
        networks: [
          { id: args.networkId, aliases: [aliases.server], address: args.address },
          { id: args.internalNetworkId, aliases: [aliases.server], isInternal: true },
        ],
        ports: [{ internal: serverPorts.requests, external: config.ports.server, bindAddress: config.bindAddress }],
        env: { ...serverEnvironment(config), ...models.env, ...config.env, ...withoutProxy(config) },
        secretEnv: {
          LETTA_ENCRYPTION_KEY: this.encryptionKey,
          ...models.secretEnv,
          ...config.secretEnv,
        },
        files: Object.entries(launcherFiles()).map(([file, content]) => ({ path: `${filesPath}/${file}`, content })),
        mounts: [
          { type: "volume", source: home.name, target: homePath },
          { type: "volume", source: data.name, target: `${homePath}/.persist` },
          { type: "volume", source: logins.name, target: credentialsPath, readOnly: true },
        ],
        health: {
          // -S: without site-packages Python starts in a fraction of the time.
          test: ["CMD", "python3", "-S", `${filesPath}/health.py`],
          intervalSeconds: 15,
          readyTimeoutSeconds: 180,
        },
        limits: config.sizes.server,
        // Agents' tools run as other users: to switch to one, to give it a folder, and to end what it leaves.
        capabilities: ["CHOWN", "KILL", "SETGID", "SETUID"],
        tmpfs: { [toolFolders]: "mode=0711,size=256m,exec" },
        // Letta finishes background runs after SIGTERM; a killed run stays "running" and locks its conversation.
        stopGraceSeconds: 120,
      },
      { parent: this, readyAfter: [this.migration, args.redis.service.ready, loginsFile] },
    );
    this.dataVolumeName = data.name;
    this.homeVolumeName = home.name;
    this.registerOutputs();
  }
}

/** The file that the server reads again whenever it changes; secret. */
function lettaCredentials(own: pulumi.Output<WorkingCredentials>): pulumi.Output<string> {
  const text = own.apply(({ current, previous }) =>
    JSON.stringify({
      serverPasswords: [current.token, ...(previous === undefined ? [] : [previous.token])],
      database: { user: current.role, password: current.databasePassword },
      redis: { username: redisUser, password: current.redisPassword },
    }),
  );
  return pulumi.secret(text);
}

function migration(name: string, args: LettaServerArgs, parent: pulumi.Resource): Migration {
  const { endpoint } = args.postgres;
  return new Migration(
    "migration",
    name,
    {
      image: args.image,
      containerName: `${lettaNames(args.config.prefix).server}-migration`,
      network: args.networkName,
      databaseUrl: databaseUrl(args.database),
      host: endpoint.host,
      port: endpoint.port,
      database: args.database.name,
      user: args.database.credentials.apply(({ current }) => current.role),
      password: args.database.credentials.apply(({ current }) => current.databasePassword),
    },
    { parent, dependsOn: args.database.resource },
    ["schemaVersion"],
  );
}

/** With a proxy in the config: what keeps the stack's own hosts off it. */
function withoutProxy({ env, secretEnv, mcpHosts }: LettaConfig): Record<string, string> {
  // The list of hosts without a proxy knows no endings: of `*-mcp` it has the usual one.
  const mcp = mcpHosts.map((host) => host.replace("*", "thoth"));
  // Letta has nothing to ask the status page.
  const { page: _, ...asked } = aliases;
  return noProxyFor([...Object.values(asked), hostAlias, ...mcp], { ...env, ...secretEnv });
}

/** The server's environment without secrets; names as in letta/settings.py at 0.16.8. */
export function serverEnvironment(config: LettaConfig): Record<string, string> {
  const { server } = config.sizes;
  return {
    HOME: homePath,
    // User and password are in the credentials file. With a pool, Letta uses TLS.
    LETTA_PG_URI: `postgresql://${aliases.postgres}:5432/letta`,
    // Letta's default is no pool: each query then opens a connection, and the settings of the pool do nothing.
    LETTA_DISABLE_SQLALCHEMY_POOLING: "false",
    LETTA_PG_POOL_SIZE: String(server.poolSize),
    LETTA_PG_MAX_OVERFLOW: String(server.maxOverflow),
    LETTA_REDIS_HOST: aliases.redis,
    LETTA_REDIS_PORT: "6379",
    // Without this flag Letta does not ask for the password.
    LETTA_SERVER_SECURE: "true",
    ACCEPTABLE_ORIGINS: config.allowedOrigins.join(","),
    GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: String(config.contextWindowLimit),
    // "full" stores every prompt and answer a second time.
    LETTA_TELEMETRY_PROVIDER_TRACE_PG_METADATA_ONLY: String(config.traces === "metadata"),
    // Such an MCP server is a program that the server runs as itself.
    MCP_DISABLE_STDIO: "true",
    // Read by serve.py and server_tools.py, not by Letta.
    RUNS_PORT: String(serverPorts.runs),
    RUN_WORKERS: String(server.workers),
    TOOL_LETTA_URL: `http://${aliases.gateway}:${gatewayPort}`,
    MCP_ALLOWED_HOSTS: config.mcpHosts.join(","),
  };
}
