import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { dataVolume } from "./data-volume.ts";
import { Service } from "./service.ts";

/** Redis for Letta's background runs and locks: append-only, and full rather than forgetful. */
export class Redis extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Redis";
  readonly service: Service;
  readonly volumeName: pulumi.Output<string>;

  constructor(
    name: string,
    args: { config: LettaConfig; image: string; networkId: pulumi.Input<string> },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(Redis.type, name, {}, options);
    const { config } = args;
    const names = lettaNames(config.prefix);
    const volume = dataVolume(`${name}-volume`, names.volumes.redis, { parent: this });
    this.service = new Service(
      name,
      {
        containerName: names.redis,
        prefix: config.prefix,
        service: "redis",
        image: args.image,
        command: ["docker-entrypoint.sh", "redis-server", ...redisSettings(config)],
        networks: [{ id: args.networkId, aliases: [aliases.redis] }],
        mounts: [{ type: "volume", source: volume.name, target: "/data" }],
        health: { test: ["CMD-SHELL", "redis-cli ping | grep -qx PONG"], readyTimeoutSeconds: 60 },
        memoryMiB: config.sizes.redis.memoryMiB,
        stopGraceSeconds: 30,
      },
      { parent: this },
    );
    this.volumeName = volume.name;
    this.registerOutputs();
  }
}

/** Evicting would drop conversation locks first, as they are the keys that expire soonest: a full Redis must say so instead. */
export function redisSettings({ sizes }: Pick<LettaConfig, "sizes">): string[] {
  return [
    ...["--appendonly", "yes", "--appendfsync", "everysec"],
    ...["--maxmemory", `${sizes.redis.maxMemoryMiB}mb`, "--maxmemory-policy", "noeviction"],
  ];
}
