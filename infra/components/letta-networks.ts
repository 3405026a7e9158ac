import type * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { planNetwork } from "../lib/docker/network.ts";
import { lettaContainers, lettaNames } from "../lib/names.ts";
import { bridgeNetwork } from "./bridge-network.ts";
import { ProviderResource } from "./provider-resource.ts";

/** The Letta server's place in its network: the gateway finds it by its address. */
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

/** Has a destroy refused while other containers are on the networks. @param dependsOn what it must not stop before it asks */
export function guardNetworks(
  { prefix, backup }: LettaConfig,
  { shared, internal }: LettaNetworks,
  dependsOn: pulumi.Resource[],
): void {
  const ownContainers = lettaContainers(prefix, backup.enabled);
  const guard = (name: string, network: docker.Network) =>
    new ProviderResource("network-clients", name, { network: network.name, ownContainers }, { dependsOn });
  guard("network-clients", shared);
  guard("internal-network-clients", internal);
}
