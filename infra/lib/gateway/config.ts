import { readImageFile } from "../image-files.ts";

/** What one project may ask of the gateway; see `projectLimits` in config/letta.ts. */
interface ProjectLimits {
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly connections: number;
  readonly runs: number;
}

/** The part of nginx' configuration that depends on the stack's config. */
export interface GatewaySettings {
  /** Browser origins that get CORS headers. An origin without a port matches every port. */
  readonly allowedOrigins: readonly string[];
  readonly maxRequestMiB: number;
  readonly projectLimits: ProjectLimits;
  /** Addresses and networks of proxies in front that tell the client's address in X-Forwarded-For. */
  readonly trustedProxies: readonly string[];
  /** A listener with TLS, in addition to the one without. */
  readonly hasTls: boolean;
  /** Address of the status page on the network; undefined without one. */
  readonly pageAddress: string | undefined;
}

/** Ports in nginx.conf and tls.conf. */
export const gatewayPort = 8284;
export const gatewayTlsPort = 8443;

/** Files in the gateway's container that keep requests out while they exist; see nginx.conf. */
export const drainFlags = { runs: "/tmp/letta-drain", all: "/tmp/letta-closed" } as const;

/** nginx' configuration without the projects: path in the container -> text. */
export function gatewayConfig({ hasTls, pageAddress, ...settings }: GatewaySettings): Record<string, string> {
  const fixed = ["nginx.conf", "routes.conf", "refusals.conf", ...(hasTls ? ["tls.conf"] : [])];
  const ofPage = pageAddress === undefined ? [] : ["page.conf", "page-log.conf"];
  return {
    ...Object.fromEntries(
      [...fixed, ...ofPage].map((name) => [`/etc/nginx/${name}`, readImageFile(`nginx/uploads/${name}`)]),
    ),
    "/etc/nginx/generated/origins.conf": settings.allowedOrigins.map(originEntry).join(""),
    "/etc/nginx/generated/limits.conf": limits(settings),
    "/etc/nginx/generated/proxies.conf": proxies(settings.trustedProxies),
    ...(pageAddress === undefined ? {} : { "/etc/nginx/generated/page.conf": `allow ${pageAddress};\ndeny all;\n` }),
  };
}

/** Matches an origin exactly; one without a port also matches itself with any port. */
function originEntry(origin: string): string {
  const escaped = origin.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const hasPort = /:\d+$/.test(origin);
  return `"~^${escaped}${hasPort ? "" : "(:[0-9]+)?"}$" $http_origin;\n`;
}

/** From the right, the first address that is not of a trusted proxy is the client's. */
function proxies(trusted: readonly string[]): string {
  const from = trusted.map((address) => `set_real_ip_from ${address};\n`).join("");
  return `${from}real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n`;
}

function limits({ maxRequestMiB, projectLimits }: Omit<GatewaySettings, "hasTls" | "pageAddress">): string {
  const { requestsPerSecond, burst, connections, runs } = projectLimits;
  return `client_max_body_size ${maxRequestMiB}m;

limit_conn connections ${connections};
map "" $most_runs {
  default "${runs}";
}

limit_req_zone $project zone=requests:2m rate=${requestsPerSecond}r/s;
limit_req zone=requests burst=${burst} nodelay;
`;
}
