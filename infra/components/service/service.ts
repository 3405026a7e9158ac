import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { goDuration } from "../../lib/docker/duration.ts";
import { labels } from "../../lib/names.ts";
import { ProviderResource } from "../provider-resource.ts";
import type { Health, ServiceArgs } from "./args.ts";
import { startCommand, uploads } from "./files.ts";

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
        processes: args.limits.processes,
      },
      { parent: this, dependsOn: readyAfter },
    );
    this.registerOutputs();
  }
}

function containerArgs(args: ServiceArgs): docker.ContainerArgs {
  return {
    name: args.containerName,
    image: args.image,
    // Both are given: what the image says about either does not count.
    ...startCommand(args),
    envs: Object.entries(args.env ?? {}).map(([key, value]) => pulumi.interpolate`${key}=${value}`),
    uploads: uploads(args),
    ...attachment(args),
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
    ...privileges(args),
    ...share(args),
    restart: "unless-stopped",
    // Without it the provider deletes a container with SIGKILL.
    destroyGraceSeconds: args.stopGraceSeconds,
    stopTimeout: args.stopGraceSeconds,
    removeVolumes: false,
    logDriver: "json-file",
    logOpts: { "max-size": "10m", "max-file": "3" },
  };
}

/** No more than it needs, whoever gets hold of what runs in it. */
function privileges({ capabilities = [], isRootReadOnly, tmpfs }: ServiceArgs): Partial<docker.ContainerArgs> {
  return {
    // As PID 1, for which signals have no default action and which inherits orphans, runs what knows of both.
    init: true,
    securityOpts: ["no-new-privileges:true"],
    capabilities: { drops: ["ALL"], adds: capabilities.map((name) => `CAP_${name}`) },
    ...(isRootReadOnly === true ? { readOnly: true } : {}),
    ...(tmpfs === undefined ? {} : { tmpfs: { ...tmpfs } }),
  };
}

/** What it may take of the host; the provider has no argument for the number of processes, which the readiness sets. */
function share({ limits: { memoryMiB, cpus }, cpuShares = 1024 }: ServiceArgs): Partial<docker.ContainerArgs> {
  return {
    memory: memoryMiB,
    // Equal to memory: no swap. Left out, the engine stores twice the memory and every preview shows a change.
    memorySwap: memoryMiB,
    cpuShares,
    ...(cpus === undefined ? {} : { cpus: String(cpus) }),
  };
}

function attachment({ networks, hosts = {} }: ServiceArgs): Partial<docker.ContainerArgs> {
  if (networks === "none") return { networkMode: "none" };
  const isInternal = networks.every((network) => network.isInternal === true);
  return {
    networksAdvanced: networks.map(({ id, aliases, address }) => ({
      name: id,
      aliases,
      ...(address === undefined ? {} : { ipv4Address: address }),
    })),
    hosts: [
      // Reaches model servers on the host, such as Ollama, from Linux as from Docker Desktop.
      ...(isInternal ? [] : [{ host: "host.docker.internal", ip: "host-gateway" }]),
      ...Object.entries(hosts).map(([host, ip]) => ({ host, ip })),
    ],
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
