import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { credentialsVolume, dataVolume } from "./data-volume.ts";
import { ProviderResource } from "./provider-resource.ts";
import { Service } from "./service/service.ts";

/** As whom Letta logs in. */
export const redisUser = "letta";

const credentialsPath = "/run/credentials";
const usersFile = "users.acl";
/** The ids in the published image, and in the one that is built here. */
const user = "999:999";

/** Runs redis-cli as a user without a password, who may do one thing alone; some password has to be said all the same. */
const cliAs = (name: string) => ["redis-cli", "--no-auth-warning", "--user", name, "--pass", "none"];

/** Redis for Letta's background runs and locks: append-only, and full rather than forgetful. */
export class Redis extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Redis";
  readonly service: Service;
  /** The users that Redis knows: whoever depends on it logs in as Redis has been told. */
  readonly users: pulumi.Resource;
  readonly volumeName: pulumi.Output<string>;

  constructor(
    name: string,
    args: {
      config: LettaConfig;
      image: string;
      /** A network that nothing but Letta is on. */
      networkId: pulumi.Input<string>;
      credentials: pulumi.Input<WorkingCredentials>;
    },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(Redis.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix);
    const volume = dataVolume(`${name}-volume`, names.volumes.redis, { parent: this });
    const logins = credentialsVolume(`${name}-credentials`, names.volumes.redisCredentials, { parent: this });
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
        command: ["docker-entrypoint.sh", "redis-server", ...redisSettings(config)],
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

/** Evicting would drop conversation locks first, as they are the keys that expire soonest: a full Redis must say so instead. */
export function redisSettings({ sizes }: Pick<LettaConfig, "sizes">): string[] {
  return [
    ...["--aclfile", `${credentialsPath}/${usersFile}`],
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ...["--maxmemory", `${sizes.redis.maxMemoryMiB}mb`, "--maxmemory-policy", "noeviction"],
  ];
}

/**
 * The file of Redis' users. Letta 0.16.8 uses strings, sets, streams and a lock, which is a script
 * (letta/data_sources/redis_client.py); what reads or changes the server itself is nobody's.
 */
export function redisUsers({ current, previous }: WorkingCredentials): string {
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
    // It makes Redis read this file again, which is the same as before for everybody else.
    "user reload on nopass -@all +acl|load",
    "",
  ].join("\n");
}
