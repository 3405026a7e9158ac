import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { NetworkPlan } from "../lib/docker/network.ts";

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
