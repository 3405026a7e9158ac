import type { Deps } from "../deps.ts";
import type { ProjectsSite } from "./site.ts";

/** One request in the SSE proxy's log. */
export interface GatewayRequest {
  readonly at: string;
  readonly project: string;
  /** Of the client on the letta network; null where the line has none. */
  readonly address: string | null;
}

/** How far back the log is read: Docker keeps what its rotation has not removed. */
export const logHours = 24;
const logLines = 20_000;

/** A line is `time project method path status …`; a request without a token has `-` for its project. */
const pattern = /^(\S+) ([a-z][a-z0-9_]*) [A-Z]+ \S+ \d{3}\b(.*)$/;

/** The requests of the last hours, oldest first; empty where the proxy does not run. */
export async function readGatewayLog(
  deps: Deps,
  { containers }: Pick<ProjectsSite, "containers">,
): Promise<GatewayRequest[]> {
  const args = ["logs", "--since", `${logHours}h`, "--tail", String(logLines), containers.nginx];
  const { exitCode, stdout } = await deps.engine.docker(args);
  return exitCode === 0 ? stdout.split("\n").flatMap(parseRequest) : [];
}

/** @returns nothing for a line of another kind */
export function parseRequest(line: string): GatewayRequest[] {
  const [, at = "", project = "", rest = ""] = pattern.exec(line) ?? [];
  if (Number.isNaN(Date.parse(at))) return [];
  return [{ at: new Date(at).toISOString(), project, address: /\b\d+\.\d+\.\d+\.\d+\b/.exec(rest)?.[0] ?? null }];
}
