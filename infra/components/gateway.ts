import { basename, dirname } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { renderNginxConfig } from "../lib/gateway/nginx.ts";
import { type GatewayProject, gatewayProjectsPath, renderGatewayProjects } from "../lib/gateway/projects.ts";
import { aliases, lettaNames, probeOwner } from "../lib/names.ts";
import type { StackCredentials } from "./credentials.ts";
import { credentialsVolume } from "./data-volume.ts";
import type { GatewayCertificate } from "./gateway-certificate.ts";
import { ProviderResource } from "./provider-resource.ts";
import { readImageFile } from "./service/files.ts";
import { Service } from "./service/service.ts";

/** Port nginx listens on inside its container. */
export const gatewayPort = 8284;
/** Port with TLS, of the same nginx; containers beside it go on with the other one. */
const tlsPort = 8443;
const certificatePath = "/run/credentials/tls.pem";

const startPath = "/run/thoth-letta/nginx-start.sh";
const reloadPath = "/run/thoth-letta/nginx-reload.sh";
/** The ids in the published image, and in the one that is built here. */
const user = "101:101";

export interface GatewayArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networkId: pulumi.Input<string>;
  /** Address of the Letta server on the network. */
  readonly serverAddress: string;
  /** By which Letta knows the proxy; secret. */
  readonly serverPassword: pulumi.Output<string>;
  readonly credentials: StackCredentials;
  /** Project -> the Letta user that it acts as. */
  readonly users: pulumi.Output<Record<string, string>>;
  /** Default: no TLS. */
  readonly certificate?: GatewayCertificate;
  /** nginx is ready when Letta is, so it is asked after it. */
  readonly readyAfter: pulumi.Resource[];
}

/** nginx in front of Letta, for everything but the operator: it decides who is asking, and for how much. */
export class Gateway extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Gateway";
  readonly service: Service;

  constructor(name: string, args: GatewayArgs, options?: pulumi.ComponentResourceOptions) {
    super(Gateway.type, name, {}, { ...options, aliases: [{ name: "nginx", type: "thoth-letta:letta:SseProxy" }] });
    const { config } = args;
    const names = lettaNames(config.prefix);
    const volume = credentialsVolume(`${name}-credentials`, names.volumes.gatewayCredentials, { parent: this });
    const file = (resource: string, path: string, content: pulumi.Output<string>) =>
      new ProviderResource(
        "volume-file",
        `${name}-${resource}`,
        {
          volume: volume.name,
          file: basename(path),
          content,
          owner: user,
          image: args.image,
          container: names.gateway,
          reload: ["sh", reloadPath, gatewayProjectsPath, `http://127.0.0.1:${gatewayPort}`],
        },
        { parent: this },
      );
    const { certificate } = args;
    const files = [file("projects", gatewayProjectsPath, gatewayProjects(args))];
    if (certificate !== undefined) {
      files.push(file("tls", certificatePath, pulumi.interpolate`${certificate.certificate}${certificate.key}`));
    }
    const paths = [gatewayProjectsPath, ...(certificate === undefined ? [] : [certificatePath])];
    this.service = new Service(
      name,
      {
        containerName: names.gateway,
        prefix: config.prefix,
        service: "nginx",
        image: args.image,
        command: ["sh", startPath, ...paths],
        user,
        networks: [{ id: args.networkId, aliases: [aliases.gateway] }],
        ports: [
          {
            internal: certificate === undefined ? gatewayPort : tlsPort,
            external: config.ports.gateway,
            bindAddress: config.bindAddress,
          },
        ],
        files: [
          {
            path: "/etc/nginx/nginx.conf",
            content: renderNginxConfig({
              serverAddress: args.serverAddress,
              listenPort: gatewayPort,
              allowedOrigins: config.allowedOrigins,
              maxRequestMiB: config.maxRequestMiB,
              limits: config.projectLimits,
              ...(certificate === undefined ? {} : { tls: { port: tlsPort, certificatePath } }),
            }),
          },
          { path: startPath, content: readImageFile("nginx/uploads/start.sh") },
          { path: reloadPath, content: readImageFile("nginx/uploads/reload.sh") },
        ],
        mounts: [{ type: "volume", source: volume.name, target: dirname(gatewayProjectsPath), readOnly: true }],
        health: {
          test: ["CMD", "curl", "-fsS", "-m", "4", "-o", "/dev/null", `http://127.0.0.1:${gatewayPort}/nginx-health`],
          intervalSeconds: 15,
          readyTimeoutSeconds: 30,
        },
        limits: config.sizes.gateway,
        // Quit gracefully: streams may end by themselves.
        stopSignal: "SIGQUIT",
        stopGraceSeconds: 15,
      },
      { parent: this, readyAfter: [...args.readyAfter, ...files] },
    );
    this.registerOutputs();
  }
}

/** Who may ask, as a file; secret. */
function gatewayProjects({ config, credentials, users, serverPassword }: GatewayArgs): pulumi.Output<string> {
  const owners = [...config.projects, probeOwner];
  const all = pulumi.all([pulumi.all(owners.map(credentials.of)), users, serverPassword]);
  const content = all.apply(([working, userOf, password]) => {
    const projects = owners.map((name, index): GatewayProject => {
      const { current, previous } = working[index] as WorkingCredentials;
      const tokens = [current, ...(previous === undefined ? [] : [previous])].map(({ token }) => token);
      return { name, tokens, user: userOf[name] as string };
    });
    return renderGatewayProjects(projects, password);
  });
  return pulumi.secret(content);
}
