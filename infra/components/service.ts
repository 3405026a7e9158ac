import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { goDuration } from "../lib/duration.ts";
import { labels } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";
import type { Health, ServiceArgs } from "./service-args.ts";
import { startCommand, uploads } from "./service-files.ts";

/** One container with the policies of all, and its readiness: whatever depends on `ready` starts after the service has answered. */
export class Service extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:service:Service";
  readonly container: docker.Container;
  readonly ready: pulumi.Resource;

  constructor(
    name: string,
    args: ServiceArgs,
    options?: pulumi.ComponentResourceOptions & {
      /** The container starts at once, and is asked whether it is ready after these. */
      readyAfter?: pulumi.Resource[];
      /** The container is not there before these, and goes before them. */
      startAfter?: pulumi.Resource[];
    },
  ) {
    const { readyAfter = [], startAfter = [], ...componentOptions } = options ?? {};
    super(Service.type, name, {}, componentOptions);
    this.container = new docker.Container(`${name}-container`, containerArgs(args), {
      parent: this,
      dependsOn: startAfter,
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
    ...attachment(args.networks),
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
    ...(args.cpuShares === undefined ? {} : { cpuShares: args.cpuShares }),
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

function attachment(networks: ServiceArgs["networks"]): Partial<docker.ContainerArgs> {
  if (networks === "none") return { networkMode: "none" };
  return {
    networksAdvanced: networks.map(({ id, aliases, address }) => ({
      name: id,
      aliases,
      ...(address === undefined ? {} : { ipv4Address: address }),
    })),
    // Reaches model servers on the host, such as Ollama, from Linux as from Docker Desktop.
    ...(networks.every(({ isInternal }) => isInternal === true)
      ? {}
      : { hosts: [{ host: "host.docker.internal", ip: "host-gateway" }] }),
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
