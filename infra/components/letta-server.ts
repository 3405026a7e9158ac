import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { launcherFiles } from "../lib/image-files.ts";
import { aliases, lettaNames, serverPorts } from "../lib/names.ts";
import { credentialsVolume, dataVolume } from "./data-volume.ts";
import { databaseUrl, type OwnDatabase } from "./databases.ts";
import type { Postgres } from "./postgres.ts";
import { ProviderResource } from "./provider-resource.ts";
import { type Redis, redisUser } from "./redis.ts";
import { dataSecret } from "./secret.ts";
import { Service } from "./service/service.ts";

const filesPath = "/run/thoth-letta";
const credentialsPath = "/run/credentials";
const homePath = "/letta";
/** Where a tool has a folder of its own while it runs; the same in images/letta/launcher. */
const toolFolders = "/run/letta-tools";

export interface LettaServerArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networkId: pulumi.Input<string>;
  readonly networkName: pulumi.Input<string>;
  /** The network that Redis is on. */
  readonly internalNetworkId: pulumi.Input<string>;
  /** The server's fixed address on the network, by which nginx finds it. */
  readonly address: string;
  readonly postgres: Postgres;
  readonly redis: Redis;
  readonly database: OwnDatabase & { readonly resource: pulumi.Resource };
}

class Migration extends ProviderResource<"migration"> {
  /** The Alembic revision the database is at. */
  declare readonly schemaVersion: pulumi.Output<string>;
}

/** The Letta server: migrated before it serves, with its pool and Redis really on, and closed without its password. */
export class LettaServer extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Server";
  readonly service: Service;
  readonly migration: Migration;
  readonly password: pulumi.Output<string>;
  /** What Letta encrypts in its database. */
  readonly encryptionKey: pulumi.Output<string>;
  readonly dataVolumeName: pulumi.Output<string>;
  readonly homeVolumeName: pulumi.Output<string>;

  constructor(name: string, args: LettaServerArgs, options?: pulumi.ComponentResourceOptions) {
    super(LettaServer.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix);
    const home = dataVolume(`${name}-home`, names.volumes.home, { parent: this });
    const data = dataVolume(`${name}-data`, names.volumes.data, { parent: this });
    const own = args.database.credentials;
    this.password = pulumi.secret(own.apply(({ current }) => current.token));
    this.encryptionKey = dataSecret(`${name}-encryption-key`, 44, { parent: this }).result;
    this.migration = migration(`${name}-migration`, args, this);
    const logins = credentialsVolume(`${name}-credentials`, names.volumes.serverCredentials, { parent: this });
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
        // The server looks by itself.
        reload: [],
      },
      // What is in it must work already where it says so.
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
        env: { ...serverEnvironment(config), ...config.env },
        secretEnv: {
          LETTA_ENCRYPTION_KEY: this.encryptionKey,
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
        // For tools of agents, which run as other users: to become one, to give it a folder, and to end what it leaves.
        capabilities: ["CHOWN", "KILL", "SETGID", "SETUID"],
        tmpfs: { [toolFolders]: "mode=0711,size=256m,exec" },
        // Letta finishes its background runs after SIGTERM; a run that is killed stays "running" and locks its conversation.
        stopGraceSeconds: 120,
      },
      { parent: this, readyAfter: [this.migration, args.redis.service.ready, loginsFile] },
    );
    this.dataVolumeName = data.name;
    this.homeVolumeName = home.name;
    this.registerOutputs();
  }
}

/** The file that the server reads whenever it has changed; secret. */
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

/** The server's environment but for secrets; the names are those of letta/settings.py at 0.16.8. */
export function serverEnvironment(config: LettaConfig): Record<string, string> {
  const { server } = config.sizes;
  return {
    HOME: homePath,
    // User and password are in the file. Letta asks for TLS as soon as its pool is on.
    LETTA_PG_URI: `postgresql://${aliases.postgres}:5432/letta`,
    // On by default in Letta is "no pool": then no pool setting counts, and each query opens a connection of its own.
    LETTA_DISABLE_SQLALCHEMY_POOLING: "false",
    LETTA_PG_POOL_SIZE: String(server.poolSize),
    LETTA_PG_MAX_OVERFLOW: String(server.maxOverflow),
    LETTA_REDIS_HOST: aliases.redis,
    LETTA_REDIS_PORT: "6379",
    // A password alone protects nothing: without this flag it is not asked for.
    LETTA_SERVER_SECURE: "true",
    ACCEPTABLE_ORIGINS: config.allowedOrigins.join(","),
    GLOBAL_MAX_CONTEXT_WINDOW_LIMIT: String(config.contextWindowLimit),
    // Letta stores every prompt and answer a second time as a trace, in full, unless told otherwise.
    LETTA_TELEMETRY_PROVIDER_TRACE_PG_METADATA_ONLY: "true",
    // One of them is a program that the server starts, as itself.
    MCP_DISABLE_STDIO: "true",
    // Read by serve.py and server_tools.py, not by Letta.
    RUNS_PORT: String(serverPorts.runs),
    RUN_WORKERS: String(server.workers),
    TOOL_LETTA_URL: `http://${aliases.gateway}:8284`,
    MCP_ALLOWED_HOSTS: config.mcpHosts.join(","),
  };
}
