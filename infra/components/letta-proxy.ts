import * as pulumi from "@pulumi/pulumi";
import type { ThothConfig } from "../config/thoth.ts";
import { planNetwork } from "../lib/docker/network.ts";
import { readImageFile } from "../lib/image-files.ts";
import { proxyRole, thothNames } from "../lib/names.ts";
import { Service } from "./service/service.ts";

/** Ports inside its container: for Thoth's containers, and for the plugin on the host. */
const ports = { network: 8284, plugin: 8286 } as const;
/** Which host of thoth-network it is: it listens to that network alone. */
const hostIndex = 10;

/** Letta's URL for Thoth's containers. */
export const lettaProxyUrl = `http://${proxyRole}:${ports.network}`;

export interface LettaProxyArgs {
  readonly config: ThothConfig;
  /** An nginx. */
  readonly image: string;
  /** The project's; secret. */
  readonly token: pulumi.Output<string>;
  readonly networkId: pulumi.Input<string>;
  /** The one of the gateway. */
  readonly lettaNetwork: { readonly id: string; readonly subnet: string };
}

/**
 * nginx on the way from Thoth to the gateway, which adds the project's token; see images/nginx/uploads/letta-proxy/nginx.conf.
 *
 * With `ports.letta` it also serves Obsidian's plugin on the host.
 */
export function lettaProxy(
  { config, image, token, networkId, lettaNetwork }: LettaProxyArgs,
  dependsOn: pulumi.Resource[],
): Service {
  const names = thothNames(config.prefix);
  const plan = planNetwork(config.subnet);
  const address = plan.host(hostIndex);
  const published = config.ports.letta;
  const folder = "/etc/nginx";
  const fixed = ["nginx.conf", "forward.conf"].map((name) => ({
    path: `${folder}/${name}`,
    content: readImageFile(`nginx/uploads/letta-proxy/${name}`),
  }));
  const listen = [
    onNetwork(address, plan.subnet, plan.gateway),
    ...(published === undefined ? [] : [onHost(lettaNetwork.subnet)]),
  ].join("");
  return new Service(
    proxyRole,
    {
      containerName: names.role(proxyRole),
      prefix: config.prefix,
      service: proxyRole,
      image,
      command: ["nginx", "-g", "daemon off;"],
      // nginx' user in the published image and in ours.
      user: "101:101",
      networks: [
        { id: networkId, aliases: [proxyRole], address },
        { id: lettaNetwork.id, aliases: [names.role(proxyRole)] },
      ],
      ports:
        published === undefined
          ? []
          : [{ internal: ports.plugin, external: published, bindAddress: config.bindAddress }],
      files: [
        ...fixed,
        { path: `${folder}/generated/listen.conf`, content: listen },
        { path: `${folder}/generated/token.conf`, content: tokenConfig(token) },
      ],
      health: {
        test: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://${address}:${ports.network}/nginx-health`],
        intervalSeconds: 15,
        readyTimeoutSeconds: 30,
      },
      limits: { memoryMiB: 64, processes: 32 },
      // Streams may end.
      stopSignal: "SIGQUIT",
      stopGraceSeconds: 15,
    },
    { dependsOn },
  );
}

/** The host of Thoth's network is refused: it has other ways. The container itself may ask for its health. */
function onNetwork(address: string, subnet: string, gateway: string): string {
  return `server {
  listen ${address}:${ports.network};
  deny ${gateway};
  allow ${subnet};
  deny all;
  include forward.conf;
}
`;
}

/** Published, so containers on letta-network could reach it too: they are refused. Obsidian is known by its origin. */
function onHost(lettaSubnet: string): string {
  return `server {
  listen ${ports.plugin};
  allow ${planNetwork(lettaSubnet).gateway};
  deny ${lettaSubnet};
  if ($is_obsidian = "") {
    return 403;
  }
  include forward.conf;
}
`;
}

function tokenConfig(token: pulumi.Output<string>): pulumi.Output<string> {
  return pulumi.secret(pulumi.interpolate`map "" $letta_authorization {
  default "Bearer ${token}";
}
`);
}
