import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { runsTrialModel } from "../config/models.ts";
import { type NetworkPlan, planNetwork } from "../lib/docker/network.ts";
import { lettaContainers, lettaNames } from "../lib/names.ts";
import { ProviderResource } from "./provider-resource.ts";

/** A Docker bridge with a fixed subnet. Both subnet and gateway are given: one alone was seen to change after a reboot. */
export function bridgeNetwork(
  name: string,
  networkName: string,
  plan: NetworkPlan,
  options: pulumi.CustomResourceOptions & {
    /** Without a way out. Default: false. */
    isInternal?: boolean;
  },
): docker.Network {
  const { isInternal = false, ...resourceOptions } = options;
  const { subnet, gateway, ipRange } = plan;
  return new docker.Network(
    name,
    {
      name: networkName,
      driver: "bridge",
      ...(isInternal ? { internal: true } : {}),
      ipamConfigs: [{ subnet, gateway, ipRange }],
    },
    { ...resourceOptions, deleteBeforeReplace: true },
  );
}

/** Which host of its network the Letta server is: the gateway finds it by its address. */
const serverHostIndex = 10;

/** The networks of a letta stack. */
export interface LettaNetworks {
  /** With the projects' containers. */
  readonly shared: docker.Network;
  /** Of Letta and Redis alone, without a way out. */
  readonly internal: docker.Network;
  /** The Letta server's address on the shared one. */
  readonly serverAddress: string;
}

export function lettaNetworks({ prefix, subnet, internalSubnet }: LettaConfig): LettaNetworks {
  const names = lettaNames(prefix);
  const plan = planNetwork(subnet);
  return {
    shared: bridgeNetwork("network", names.network, plan, {}),
    internal: bridgeNetwork("internal-network", names.internalNetwork, planNetwork(internalSubnet), {
      isInternal: true,
    }),
    serverAddress: plan.host(serverHostIndex),
  };
}

/** Refuses a destroy while other containers are on the networks. @param dependsOn what must not be stopped before that */
export function guardNetworks(
  config: LettaConfig,
  { shared, internal }: LettaNetworks,
  dependsOn: pulumi.Resource[],
): void {
  const { prefix, backup } = config;
  const ownContainers = lettaContainers(prefix, { backup: backup.enabled, model: runsTrialModel(config) });
  const guard = (name: string, network: docker.Network) =>
    new ProviderResource("network-clients", name, { network: network.name, ownContainers }, { dependsOn });
  guard("network-clients", shared);
  guard("internal-network-clients", internal);
}
