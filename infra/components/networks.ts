import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { containersOf } from "../config/containers.ts";
import type { LettaConfig } from "../config/letta.ts";
import { type NetworkPlan, planNetwork } from "../lib/docker/network.ts";
import { lettaNames } from "../lib/names.ts";
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

/** Which hosts of the shared network are at fixed addresses: those that know one another by them. */
const hostIndexes = { server: 10, gateway: 11, page: 12 } as const;

/** The networks of a letta stack. */
export interface LettaNetworks {
  /** With the projects' containers. */
  readonly shared: docker.Network;
  /** Of Letta and Redis, without a way out; the trial model and the status page are on it too. */
  readonly internal: docker.Network;
  /** Fixed addresses on the shared one. */
  readonly addresses: Readonly<Record<keyof typeof hostIndexes, string>>;
}

export function lettaNetworks({ prefix, subnet, internalSubnet }: LettaConfig): LettaNetworks {
  const names = lettaNames(prefix);
  const plan = planNetwork(subnet);
  return {
    shared: bridgeNetwork("network", names.network, plan, {}),
    internal: bridgeNetwork("internal-network", names.internalNetwork, planNetwork(internalSubnet), {
      isInternal: true,
    }),
    addresses: {
      server: plan.host(hostIndexes.server),
      gateway: plan.host(hostIndexes.gateway),
      page: plan.host(hostIndexes.page),
    },
  };
}

/** Refuses a destroy while other containers are on the networks. @param dependsOn what must not be stopped before that */
export function guardNetworks(
  config: LettaConfig,
  { shared, internal }: LettaNetworks,
  dependsOn: pulumi.Resource[],
): void {
  const ownContainers = containersOf(config);
  const guard = (name: string, network: docker.Network) =>
    new ProviderResource("network-clients", name, { network: network.name, ownContainers }, { dependsOn });
  guard("network-clients", shared);
  guard("internal-network-clients", internal);
}
