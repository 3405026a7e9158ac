import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";
import { Service } from "./service/service.ts";
import { dataVolume, disposableVolume } from "./volumes.ts";

/** The user that Letta logs in as. */
export const redisUser = "letta";

const credentialsPath = "/run/credentials";
const usersFile = "users.acl";
/** The ids in the published image, and in the one that is built here. */
const user = "999:999";

/** Runs redis-cli as a user that needs no password and may do one thing only; redis-cli wants some password all the same. */
const cliAs = (name: string) => ["redis-cli", "--no-auth-warning", "--user", name, "--pass", "none"];

/** Redis for Letta's background runs and locks: append-only, and it never evicts. */
export class Redis extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Redis";
  readonly service: Service;
  /** The users that Redis knows: depend on it to log in as one of them. */
  readonly users: pulumi.Resource;
  readonly volumeName: pulumi.Output<string>;

  constructor(
    name: string,
    args: {
      config: LettaConfig;
      image: string;
      /** A network for Redis and Letta only. */
      networkId: pulumi.Input<string>;
      credentials: pulumi.Input<WorkingCredentials>;
    },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(Redis.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix, config.volumePrefix);
    const volume = dataVolume(`${name}-volume`, names.volumes.redis, { parent: this });
    const logins = disposableVolume(`${name}-credentials`, names.volumes.redisCredentials, { parent: this });
    this.users = new ProviderResource(
      "volume-file",
      `${name}-users`,
      {
        volume: logins.name,
        file: usersFile,
        content: pulumi.secret(pulumi.output(args.credentials).apply(redisUsers)),
        owner: user,
        image: args.image,
        container: names.redis,
        reload: [...cliAs("reload"), "ACL", "LOAD"],
      },
      { parent: this },
    );
    this.service = new Service(
      name,
      {
        containerName: names.redis,
        prefix: config.prefix,
        service: "redis",
        image: args.image,
        command: ["redis-server", ...redisSettings(config)],
        networks: [{ id: args.networkId, aliases: [aliases.redis], isInternal: true }],
        mounts: [
          { type: "volume", source: volume.name, target: "/data" },
          { type: "volume", source: logins.name, target: credentialsPath, readOnly: true },
        ],
        user,
        isRootReadOnly: true,
        health: { test: ["CMD-SHELL", `${cliAs("health").join(" ")} ping | grep -qx PONG`], readyTimeoutSeconds: 60 },
        limits: config.sizes.redis,
        stopGraceSeconds: 30,
      },
      { parent: this, startAfter: [this.users] },
    );
    this.volumeName = volume.name;
    this.registerOutputs();
  }
}

/**
 * The server's options.
 *
 * No eviction: it would drop conversation locks first, as the keys that expire soonest. A full Redis must fail instead.
 * No protected mode, which would refuse every other container: the users' passwords and the network protect it.
 */
export function redisSettings({ sizes }: Pick<LettaConfig, "sizes">): string[] {
  return [
    ...["--aclfile", `${credentialsPath}/${usersFile}`],
    ...["--protected-mode", "no"],
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ...["--maxmemory", `${sizes.redis.maxMemoryMiB}mb`, "--maxmemory-policy", "noeviction"],
  ];
}

/**
 * Redis' users, as its ACL file. Letta 0.16.8 uses strings, sets, streams and a lock, which is a script
 * (letta/data_sources/redis_client.py). Nobody may use commands that read or change the server itself.
 */
function redisUsers({ current, previous }: WorkingCredentials): string {
  const passwords = [current, ...(previous === undefined ? [] : [previous])].map(({ redisPassword }) => {
    return `#${createHash("sha256").update(redisPassword).digest("hex")}`;
  });
  const commands = [
    ...["+@string", "+@set", "+@stream", "+@connection", "+@transaction", "-@admin", "-@dangerous"],
    ...["+del", "+exists", "+expire", "+pexpire", "+ttl", "+pttl", "+eval", "+evalsha", "+script|load"],
  ].join(" ");
  return [
    "user default off",
    `user ${redisUser} on ${passwords.join(" ")} ~* &* -@all ${commands}`,
    "user health on nopass -@all +ping",
    // Only makes Redis read this file again.
    "user reload on nopass -@all +acl|load",
    "",
  ].join("\n");
}
