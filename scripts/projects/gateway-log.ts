import type { Deps } from "../lib/deps.ts";
import type { ProjectsSite } from "./site.ts";

/** One request in the gateway's log. */
export interface GatewayRequest {
  readonly at: string;
  readonly project: string;
  /** The client's, as nginx sees it; for a client on the host, that of the bridge. */
  readonly address: string;
}

/** How far back the log is read, as far as Docker still has it. */
export const logHours = 24;
const logLines = 20_000;

/** The format `gateway` of images/nginx/uploads/nginx.conf; a request without a token names no project. */
const pattern = /^(\d+\.\d+\.\d+\.\d+) \[([^\]]+)\] project=([a-z][a-z0-9_]*) "/;

/** The requests of the last hours, oldest first; empty while the gateway is down. */
export async function readGatewayLog(
  deps: Deps,
  { containers }: Pick<ProjectsSite, "containers">,
): Promise<GatewayRequest[]> {
  const args = ["logs", "--since", `${logHours}h`, "--tail", String(logLines), containers.gateway];
  const { exitCode, stdout } = await deps.engine.docker(args);
  return exitCode === 0 ? stdout.split("\n").flatMap(parseRequest) : [];
}

/** @returns nothing for other lines */
export function parseRequest(line: string): GatewayRequest[] {
  const [, address = "", at = "", project = ""] = pattern.exec(line) ?? [];
  return Number.isNaN(Date.parse(at)) ? [] : [{ at: new Date(at).toISOString(), project, address }];
}
