import { basename, dirname } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import type { WorkingCredentials } from "../lib/credentials.ts";
import { type GatewaySettings, gatewayConfig, gatewayPort, gatewayTlsPort } from "../lib/gateway/config.ts";
import { type GatewayProject, gatewayProjectsPath, renderGatewayProjects } from "../lib/gateway/projects.ts";
import { readImageFile } from "../lib/image-files.ts";
import { aliases, lettaNames, probeOwner } from "../lib/names.ts";
import type { StackCredentials } from "./credentials.ts";
import type { GatewayCertificate } from "./gateway-certificate.ts";
import type { LettaNetworks } from "./networks.ts";
import { ProviderResource } from "./provider-resource.ts";
import { Service } from "./service/service.ts";
import { disposableVolume } from "./volumes.ts";

/** Certificate and key; tls.conf names this path. */
const certificatePath = "/run/credentials/tls.pem";
const startPath = "/run/thoth-letta/nginx-start.sh";
const reloadPath = "/run/thoth-letta/nginx-reload.sh";
/** The user of nginx in the published image and in ours. */
const user = "101:101";

export interface GatewayArgs {
  readonly config: LettaConfig;
  readonly image: string;
  readonly networkId: pulumi.Input<string>;
  /** On the network: its own, the Letta server's, and the status page's. */
  readonly addresses: LettaNetworks["addresses"];
  /** Letta's server password, which the gateway sends; secret. */
  readonly serverPassword: pulumi.Output<string>;
  readonly credentials: StackCredentials;
  /** Project -> the Letta user that it acts as. */
  readonly users: pulumi.Output<Record<string, string>>;
  /** Default: no TLS. */
  readonly certificate?: GatewayCertificate;
  /** The gateway is ready only when Letta is, so its readiness is checked after these. */
  readonly readyAfter: pulumi.Resource[];
}

/** nginx in front of Letta for everyone but the operator; see images/nginx/uploads/nginx.conf. */
export class Gateway extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:Gateway";
  readonly service: Service;

  constructor(name: string, args: GatewayArgs, options?: pulumi.ComponentResourceOptions) {
    // The name and type in the state of existing installations.
    super(Gateway.type, name, {}, { ...options, aliases: [{ name: "nginx", type: "thoth-letta:letta:SseProxy" }] });
    const { config, certificate } = args;
    const names = lettaNames(config.prefix, config.volumePrefix);
    const volume = disposableVolume(`${name}-credentials`, names.volumes.gatewayCredentials, { parent: this });
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
    const files = [file("projects", gatewayProjectsPath, gatewayProjects(args))];
    if (certificate !== undefined) {
      files.push(file("tls", certificatePath, pulumi.interpolate`${certificate.certificate}${certificate.key}`));
    }
    const awaited = [gatewayProjectsPath, ...(certificate === undefined ? [] : [certificatePath])];
    this.service = new Service(
      name,
      {
        containerName: names.gateway,
        prefix: config.prefix,
        service: "nginx",
        image: args.image,
        command: ["sh", startPath, ...awaited],
        user,
        networks: [{ id: args.networkId, aliases: [aliases.gateway], address: args.addresses.gateway }],
        hosts: {
          [aliases.server]: args.addresses.server,
          ...(config.page.enabled ? { [aliases.page]: args.addresses.page } : {}),
        },
        ports: [
          {
            internal: certificate === undefined ? gatewayPort : gatewayTlsPort,
            external: config.ports.gateway,
            bindAddress: config.bindAddress,
          },
        ],
        files: [
          ...Object.entries(gatewayConfig(settingsOf(args))).map(([path, content]) => ({
            path,
            content,
          })),
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
        // Graceful: streams may end.
        stopSignal: "SIGQUIT",
        stopGraceSeconds: 15,
      },
      { parent: this, readyAfter: [...args.readyAfter, ...files] },
    );
    this.registerOutputs();
  }
}

function settingsOf({ config, certificate, addresses }: GatewayArgs): GatewaySettings {
  const pageAddress = config.page.enabled ? addresses.page : undefined;
  return { ...config, hasTls: certificate !== undefined, pageAddress };
}

/** The projects with their tokens, as a file for nginx; secret. */
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
