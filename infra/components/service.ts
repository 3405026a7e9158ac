import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { goDuration } from "../lib/duration.ts";
import { labels } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";
import { type ContainerFile, startCommand, uploads } from "./service-files.ts";

/** A health check and how long the first success may take. */
export interface Health {
  /** As Docker takes it: `["CMD", …]` or `["CMD-SHELL", "…"]`. */
  readonly test: string[];
  /** Time between checks, in seconds. Default 10: each check is a process, also on an idle laptop. */
  readonly intervalSeconds?: number;
  /** How long the service may take from its start to its first good answer, in seconds. */
  readonly readyTimeoutSeconds: number;
}

/** A port of the container published on the host. */
export interface PublishedPort {
  readonly internal: number;
  readonly external: number;
  readonly bindAddress: string;
}

/** What one container is; the policies that hold for every container are in this file. */
export interface ServiceArgs {
  /** Docker name. */
  readonly containerName: string;
  /** The stack's prefix: the label by which scripts find its containers. */
  readonly prefix: string;
  /** The service's role within its stack, e.g. `postgres`. */
  readonly service: string;
  /** Image reference, by digest or by a tag that names its content. */
  readonly image: string;
  /** The whole command line; the image's own entrypoint is not used. */
  readonly command: string[];
  readonly networks: readonly {
    readonly id: pulumi.Input<string>;
    readonly aliases: string[];
    readonly address?: string;
  }[];
  readonly ports?: readonly PublishedPort[];
  readonly env?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Environment that must not be seen in `docker inspect`. */
  readonly secretEnv?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly files?: readonly ContainerFile[];
  readonly mounts?: readonly docker.types.input.ContainerMount[];
  /** `uid:gid`; default: the image's own user. */
  readonly user?: string;
  readonly health: Health;
  readonly memoryMiB: number;
  /** Time between the stop signal and the kill, in seconds. */
  readonly stopGraceSeconds: number;
  /** Default: the image's own. */
  readonly stopSignal?: string;
  /** Memory for POSIX shared memory, in MiB; default: Docker's 64. */
  readonly sharedMemoryMiB?: number;
}

/** One container and its readiness: whatever depends on `ready` starts after the service has answered. */
export class Service extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:service:Service";
  readonly container: docker.Container;
  readonly ready: pulumi.Resource;

  constructor(
    name: string,
    args: ServiceArgs,
    options?: pulumi.ComponentResourceOptions & { readyAfter?: pulumi.Resource[] },
  ) {
    const { readyAfter = [], ...componentOptions } = options ?? {};
    super(Service.type, name, {}, componentOptions);
    this.container = new docker.Container(`${name}-container`, containerArgs(args), {
      parent: this,
      // The name and the ports are fixed, so the old container must go first. The provider asks for that only when it
      // reports the change itself, not for replaceOnChanges or a taint.
      deleteBeforeReplace: true,
      // The provider accepts changes to these on a running container and does not apply them.
      replaceOnChanges: ["healthcheck", "tmpfs", "init", "#initerror"],
      customTimeouts: { create: "10m", delete: "5m" },
    });
    this.ready = new ProviderResource(
      "readiness",
      `${name}-ready`,
      {
        container: args.containerName,
        containerId: this.container.id,
        timeoutSeconds: args.health.readyTimeoutSeconds,
      },
      { parent: this, dependsOn: readyAfter },
    );
    this.registerOutputs();
  }
}

function containerArgs(args: ServiceArgs): docker.ContainerArgs {
  const memory = args.memoryMiB;
  return {
    name: args.containerName,
    image: args.image,
    // Both are given: what the image says about either does not count.
    ...startCommand(args),
    envs: Object.entries(args.env ?? {}).map(([key, value]) => pulumi.interpolate`${key}=${value}`),
    uploads: uploads(args),
    networksAdvanced: args.networks.map(({ id, aliases, address }) => ({
      name: id,
      aliases,
      ...(address === undefined ? {} : { ipv4Address: address }),
    })),
    ports: (args.ports ?? []).map(({ internal, external, bindAddress }) => ({ internal, external, ip: bindAddress })),
    mounts: [...(args.mounts ?? [])],
    healthcheck: healthcheck(args.health),
    labels: [
      { label: labels.prefix, value: args.prefix },
      { label: labels.service, value: args.service },
    ],
    ...(args.user === undefined ? {} : { user: args.user }),
    ...(args.stopSignal === undefined ? {} : { stopSignal: args.stopSignal }),
    ...(args.sharedMemoryMiB === undefined ? {} : { shmSize: args.sharedMemoryMiB }),
    // Reaches model servers on the host, such as Ollama, from Linux as from Docker Desktop.
    hosts: [{ host: "host.docker.internal", ip: "host-gateway" }],
    memory,
    // Equal to memory: no swap. Left out, the engine stores twice the memory and every preview shows a change.
    memorySwap: memory,
    restart: "unless-stopped",
    // Without it the provider deletes a container with SIGKILL.
    destroyGraceSeconds: args.stopGraceSeconds,
    stopTimeout: args.stopGraceSeconds,
    removeVolumes: false,
    logDriver: "json-file",
    logOpts: { "max-size": "10m", "max-file": "3" },
  };
}

function healthcheck(health: Health): docker.types.input.ContainerHealthcheck {
  return {
    tests: health.test,
    interval: goDuration(health.intervalSeconds ?? 10),
    timeout: goDuration(5),
    retries: 3,
    startPeriod: goDuration(health.readyTimeoutSeconds),
  };
}
