import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { paths, type SettingsInput } from "../../images/backup/src/contract.ts";
import type { LettaConfig } from "../config/letta.ts";
import { agentCapabilities } from "../lib/docker/engine.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import type { ServiceArgs } from "./service/args.ts";
import { Service } from "./service/service.ts";
import { type BackupRepository, disposableVolume } from "./volumes.ts";

export interface BackupArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networkId: pulumi.Input<string>;
  readonly repository: BackupRepository;
  /** Volumes of the cluster and of Letta's files outside it. */
  readonly volumes: Readonly<Record<"postgres" | "home" | "data", pulumi.Input<string>>>;
  /** Where both containers leave notes for the status page; undefined where there is none. */
  readonly statusVolume: pulumi.Input<string> | undefined;
  /** A change is a reason for a drill. */
  readonly configHash: string;
  /** The stack's generated secrets, name -> value: with them lost, what they encrypt would be. */
  readonly keys: Readonly<Record<string, pulumi.Input<string>>>;
  /** What must be there before there is anything to back up. */
  readonly startAfter: pulumi.Resource[];
}

/**
 * Processor weight, compared to a server's 1024. The agent runs its processes with `nice`, which only counts among the processes of one
 * container alone: without this a backup takes half of a busy processor.
 */
const cpuShares = 64;

/** The containers that make the backups and run the drills; nothing else waits for them. */
export class Backup extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Backup";
  readonly agent: Service;
  readonly drill: Service;
  /** The agent's settings as JSON; secret. */
  readonly settings: pulumi.Output<string>;

  constructor(name: string, args: BackupArgs, options?: pulumi.ComponentResourceOptions) {
    super(Backup.type, name, {}, options);
    const { config, repository, volumes } = args;
    const names = lettaNames(config.prefix, config.volumePrefix);
    this.settings = settings(args);
    const scratch = disposableVolume(`${name}-scratch`, names.volumes.scratch, { parent: this }).name;
    const notes = args.statusVolume === undefined ? [] : [mount(args.statusVolume, paths.notes)];
    const place = { parent: this, startAfter: args.startAfter };
    this.agent = new Service(
      name,
      {
        ...common(args, this.settings),
        containerName: names.backup,
        service: "backup",
        command: ["backup", "serve"],
        // The repository is on this host: only a copy on another one needs a network.
        networks: config.backup.offsite === undefined ? "none" : [{ id: args.networkId, aliases: [aliases.backup] }],
        mounts: [
          mount(volumes.postgres, paths.volume, { readOnly: true }),
          mount(repository.volumeName, paths.repository),
          mount(scratch, paths.scratch, { readOnly: true }),
          mount(volumes.home, paths.lettaHome, { readOnly: true }),
          mount(volumes.data, paths.lettaData, { readOnly: true }),
          ...notes,
        ],
        limits: config.sizes.backup,
        cpuShares,
      },
      place,
    );
    this.drill = new Service(
      `${name}-drill`,
      {
        ...common(args, this.settings),
        containerName: names.drill,
        service: "drill",
        command: ["backup", "serve-drill"],
        networks: "none",
        mounts: [
          mount(repository.volumeName, paths.repository, { readOnly: true }),
          mount(scratch, paths.scratch),
          ...notes,
          // Else the engine makes a volume without a name for the one that Postgres' image declares.
          { type: "tmpfs", target: paths.volume },
        ],
        limits: config.sizes.drill,
        cpuShares,
        sharedMemoryMiB: 256,
      },
      place,
    );
    this.registerOutputs();
  }
}

function mount(
  source: pulumi.Input<string>,
  target: string,
  { readOnly = false }: { readOnly?: boolean } = {},
): docker.types.input.ContainerMount {
  return { type: "volume", source, target, ...(readOnly ? { readOnly } : {}) };
}

/** What the two have in common. */
function common({ config, image }: BackupArgs, content: pulumi.Output<string>) {
  return {
    prefix: config.prefix,
    image,
    files: [{ path: paths.settings, content, permissions: "0400" }],
    health: { test: ["CMD", "backup", "health"], readyTimeoutSeconds: 120 },
    stopGraceSeconds: 30,
    capabilities: agentCapabilities,
  } satisfies Partial<ServiceArgs>;
}

function settings({ config, repository, configHash, keys }: BackupArgs): pulumi.Output<string> {
  const { enabled: _, ...rest } = config.backup;
  const complete = pulumi.all([repository.recoveryKey, pulumi.all(keys)]).apply(([recoveryKey, ofStack]) => {
    const input: SettingsInput = {
      ...rest,
      recoveryKey,
      stack: pulumi.getStack(),
      configHash,
      keys: ofStack,
    };
    return JSON.stringify(input);
  });
  return pulumi.secret(complete);
}
