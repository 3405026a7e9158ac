import type * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { ContainerFile } from "./files.ts";

/** A health check, and how long its first success may take. */
export interface Health {
  /** As Docker takes it: `["CMD", …]` or `["CMD-SHELL", "…"]`. */
  readonly test: string[];
  /** Time between checks, in seconds. Default: 10, as each check is a process, on an idle laptop too. */
  readonly intervalSeconds?: number;
  /** How long the service may take to start, in seconds. */
  readonly readyTimeoutSeconds: number;
}

/** A port of the container published on the host. */
interface PublishedPort {
  readonly internal: number;
  readonly external: number;
  readonly bindAddress: string;
}

/** A network that a container is on. */
interface ServiceNetwork {
  readonly id: pulumi.Input<string>;
  readonly aliases: string[];
  readonly address?: string;
  /** Without a way out. Default: false. */
  readonly isInternal?: boolean;
}

/** Limits of a container; the config has the defaults. */
interface ServiceLimits {
  readonly memoryMiB: number;
  /** Processes and threads at a time. */
  readonly processes: number;
  /** Processors; default: no limit, only {@link ServiceArgs.cpuShares}. */
  readonly cpus?: number | undefined;
}

/** The Linux capabilities that any service here needs. */
type Capability = "CHOWN" | "DAC_OVERRIDE" | "FOWNER" | "KILL" | "SETGID" | "SETUID";

/** What one container is; service.ts adds the policies that hold for all. */
export interface ServiceArgs {
  /** Docker name. */
  readonly containerName: string;
  /** The stack's prefix, the label by which scripts find its containers. */
  readonly prefix: string;
  /** The service's role within its stack, e.g. `postgres`. */
  readonly service: string;
  /** Image reference, by digest or by a tag that names its content. */
  readonly image: string;
  /** The whole command line; the image's own entrypoint is not used. */
  readonly command: string[];
  /** `none`: it communicates through its volumes only. */
  readonly networks: readonly ServiceNetwork[] | "none";
  readonly ports?: readonly PublishedPort[];
  /** Names in its hosts file -> address. */
  readonly hosts?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, pulumi.Input<string>>>;
  /** Environment that `docker inspect` must not show. */
  readonly secretEnv?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly files?: readonly ContainerFile[];
  readonly mounts?: readonly docker.types.input.ContainerMount[];
  /** Named volumes that are no mounts for `docker inspect`. */
  readonly volumes?: readonly docker.types.input.ContainerVolume[];
  /** `uid:gid`; default: the image's own user. */
  readonly user?: string;
  readonly health: Health;
  readonly limits: ServiceLimits;
  /** Weight where containers contend for the processor. Default: 1024. */
  readonly cpuShares?: number;
  /** Capabilities that it keeps; only root can use them. Default: none. */
  readonly capabilities?: readonly Capability[];
  /** Folders in memory: path -> options of the tmpfs. */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /**
   * It can only write to its mounts. Default: false, as the engine cannot copy `files` or `secretEnv` into such a container.
   */
  readonly isRootReadOnly?: boolean;
  /** Time between the stop signal and the kill, in seconds. */
  readonly stopGraceSeconds: number;
  /** Default: the image's own. */
  readonly stopSignal?: string;
  /** Memory for POSIX shared memory, in MiB; default: Docker's 64. */
  readonly sharedMemoryMiB?: number;
}
