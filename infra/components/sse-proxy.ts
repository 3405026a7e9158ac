import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { renderNginxConfig } from "../lib/nginx.ts";
import { Service } from "./service.ts";

/** Port nginx listens on inside its container. */
export const ssePort = 8284;

/** The ids in the published image, and in the one that is built here. */
const user = "101:101";

/** nginx in front of Letta, for browsers and everything that streams. */
export class SseProxy extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:SseProxy";
  readonly service: Service;

  constructor(
    name: string,
    args: {
      config: LettaConfig;
      image: string;
      networkId: pulumi.Input<string>;
      /** Address of the Letta server on the network. */
      serverAddress: string;
      /** nginx is ready when Letta is, so it is asked after it. */
      readyAfter: pulumi.Resource[];
    },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(SseProxy.type, name, {}, options);
    const { config } = args;
    this.service = new Service(
      name,
      {
        containerName: lettaNames(config.prefix).nginx,
        prefix: config.prefix,
        service: "nginx",
        image: args.image,
        command: ["nginx", "-g", "daemon off;"],
        networks: [{ id: args.networkId, aliases: [aliases.nginx] }],
        ports: [{ internal: ssePort, external: config.ports.sse, bindAddress: config.bindAddress }],
        files: [
          {
            path: "/etc/nginx/nginx.conf",
            content: renderNginxConfig({
              upstream: `${args.serverAddress}:8283`,
              listenPort: ssePort,
              allowedOrigins: config.allowedOrigins,
              maxRequestMiB: config.maxRequestMiB,
            }),
          },
        ],
        health: {
          test: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${ssePort}/nginx-health`],
          intervalSeconds: 15,
          readyTimeoutSeconds: 30,
        },
        limits: config.sizes.nginx,
        user,
        // Quit gracefully: streams may end by themselves.
        stopSignal: "SIGQUIT",
        stopGraceSeconds: 15,
      },
      { parent: this, readyAfter: args.readyAfter },
    );
    this.registerOutputs();
  }
}
