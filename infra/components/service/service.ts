import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { hostAlias, labels } from "../../lib/names.ts";
import { ProviderResource } from "../provider-resource.ts";
import type { Health, ServiceArgs } from "./args.ts";
import { startCommand, uploads } from "./files.ts";

/** A container with the policies that hold for all, and its readiness: what depends on `ready` starts after the service has answered. */
export class Service extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:service:Service";
  readonly container: docker.Container;
  readonly ready: pulumi.Resource;

  constructor(
    name: string,
    args: ServiceArgs,
    options?: pulumi.ComponentResourceOptions & {
      /** The container starts at once, and its readiness is checked after these, which may need the container. */
      readyAfter?: pulumi.Resource[] | ((container: docker.Container) => pulumi.Resource[]);
      /** The container is created after these, and deleted before them. */
      startAfter?: pulumi.Resource[];
    },
  ) {
    const { readyAfter = [], startAfter = [], ...componentOptions } = options ?? {};
    super(Service.type, name, {}, componentOptions);
    this.container = new docker.Container(`${name}-container`, containerArgs(args), {
      parent: this,
      dependsOn: startAfter,
      // Name and ports are fixed, so the old container must go first. The provider asks for that only with changes that it
      // reports itself, not with replaceOnChanges or a taint.
      deleteBeforeReplace: true,
      // The provider accepts changes of these on a running container, but does not apply them.
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
      { parent: this, dependsOn: Array.isArray(readyAfter) ? readyAfter : readyAfter(this.container) },
    );
    this.registerOutputs();
  }
}

function containerArgs(args: ServiceArgs): docker.ContainerArgs {
  return {
    name: args.containerName,
    image: args.image,
    // Both, so that the image's own do not count.
    ...startCommand(args),
    envs: Object.entries(args.env ?? {}).map(([key, value]) => pulumi.interpolate`${key}=${value}`),
    uploads: uploads(args),
    ...attachment(args),
    ports: (args.ports ?? []).map(({ internal, external, bindAddress }) => ({ internal, external, ip: bindAddress })),
    mounts: [...(args.mounts ?? [])],
    ...(args.volumes === undefined ? {} : { volumes: [...args.volumes] }),
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

/** As few privileges as it needs. */
function privileges({ capabilities = [], isRootReadOnly, tmpfs }: ServiceArgs): Partial<docker.ContainerArgs> {
  return {
    // PID 1 has no default actions for signals and inherits orphans: an init process handles both.
    init: true,
    securityOpts: ["no-new-privileges:true"],
    capabilities: { drops: ["ALL"], adds: capabilities.map((name) => `CAP_${name}`) },
    ...(isRootReadOnly === true ? { readOnly: true } : {}),
    ...(tmpfs === undefined ? {} : { tmpfs: { ...tmpfs } }),
  };
}

/** Its share of the host. The provider has no argument for the number of processes; the readiness sets it. */
function share({ limits: { memoryMiB, cpus }, cpuShares = 1024 }: ServiceArgs): Partial<docker.ContainerArgs> {
  return {
    memory: memoryMiB,
    // Equal to memory: no swap. Without it the engine stores twice the memory, and every preview shows a change.
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
      // For model servers on the host, such as Ollama, on Linux as on Docker Desktop.
      ...(isInternal ? [] : [{ host: hostAlias, ip: "host-gateway" }]),
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

/** A duration below an hour as Go prints it, e.g. 90 -> "1m30s": the provider reads it back in this form, and would show "90s" as a change. */
function goDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
