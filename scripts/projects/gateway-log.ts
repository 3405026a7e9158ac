import type { Deps } from "../lib/deps.ts";
import type { ProjectsSite } from "./site.ts";

/** One request in the gateway's log. */
export interface GatewayRequest {
  readonly at: string;
  readonly project: string;
  /** Of the client as nginx sees it: on the letta network, or the network's gateway for one on the host. */
  readonly address: string;
}

/** How far back the log is read: Docker keeps what its rotation has not removed. */
export const logHours = 24;
const logLines = 20_000;

/** The format `gateway` of images/nginx/uploads/nginx.conf; a request without a token has no project's name. */
const pattern = /^(\d+\.\d+\.\d+\.\d+) \[([^\]]+)\] project=([a-z][a-z0-9_]*) "/;

/** The requests of the last hours, oldest first; empty where the proxy does not run. */
export async function readGatewayLog(
  deps: Deps,
  { containers }: Pick<ProjectsSite, "containers">,
): Promise<GatewayRequest[]> {
  const args = ["logs", "--since", `${logHours}h`, "--tail", String(logLines), containers.gateway];
  const { exitCode, stdout } = await deps.engine.docker(args);
  return exitCode === 0 ? stdout.split("\n").flatMap(parseRequest) : [];
}

/** @returns nothing for a line of another kind */
export function parseRequest(line: string): GatewayRequest[] {
  const [, address = "", at = "", project = ""] = pattern.exec(line) ?? [];
  return Number.isNaN(Date.parse(at)) ? [] : [{ at: new Date(at).toISOString(), project, address }];
}
