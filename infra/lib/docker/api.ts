import { spawn } from "node:child_process";
import { type ClientRequestArgs, type IncomingMessage, request } from "node:http";
import { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { UserError } from "../errors.ts";
import { engineHost } from "./host.ts";

/** What the engine answered. */
export interface EngineAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** What goes with a question to the engine. */
export interface EngineOptions {
  readonly body?: unknown;
  /** Default: 20. */
  readonly timeoutSeconds?: number;
}

/**
 * Asks the engine over its API: a call takes milliseconds, where a process of the CLI takes tens of them.
 *
 * @throws UserError when no engine answers; any answer with a status below 500 is returned
 */
export async function askEngine(
  method: "GET" | "POST",
  path: string,
  { body, timeoutSeconds = 20 }: EngineOptions = {},
): Promise<EngineAnswer> {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = { host: "docker", "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ ...connection(), method, path, headers, signal }, resolve)
        .on("error", reject)
        .end(text);
    });
    const answer = { status: response.statusCode ?? 0, body: await buffer(response) };
    if (answer.status >= 500) throw new Error(`the Docker engine: ${messageOf(answer)}`);
    return answer;
  } catch (error) {
    if (signal.aborted)
      throw new UserError(`the Docker engine does not answer within ${timeoutSeconds} s`, startDocker);
    throw connectionError((error as NodeJS.ErrnoException).code) ?? error;
  }
}

/** Like {@link askEngine}, but returns the answer's JSON; undefined for what the engine does not have. */
export async function readEngine<Answer>(path: string, options?: EngineOptions): Promise<Answer | undefined> {
  const answer = await askEngine("GET", path, options);
  if (answer.status === 404) return undefined;
  if (answer.status >= 400) throw new Error(`the Docker engine: ${messageOf(answer)}`);
  return JSON.parse(answer.body.toString()) as Answer;
}

/** The engine's own words for an answer that is an error. */
export function messageOf({ status, body }: EngineAnswer): string {
  try {
    return (JSON.parse(body.toString()) as { message: string }).message;
  } catch {
    return `HTTP ${status}`;
  }
}

/** The fix for every engine that cannot be reached. */
export const startDocker = "start Docker, or let `make setup` install and start one";

/** What a failed connection means; undefined when it is not that. */
function connectionError(code: string | undefined): UserError | undefined {
  if (code === "EACCES") {
    return new UserError(
      "the Docker engine's socket refuses this user",
      "add the user to group docker and log in again, or run with sudo",
    );
  }
  if (code !== undefined && ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(code)) {
    return new UserError("the Docker engine does not answer", startDocker);
  }
  return undefined;
}

/** A socket on this host is opened directly; to anything else (ssh, TLS), the CLI connects as it does for itself. */
function connection(): ClientRequestArgs {
  const host = engineHost();
  if (host.startsWith("unix://")) return { socketPath: host.slice("unix://".length), agent: false };
  return { createConnection: dialWithCli };
}

function dialWithCli(): Duplex {
  const child = spawn("docker", ["system", "dial-stdio"], { stdio: ["pipe", "pipe", "ignore"] });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on("error", (error) => stream.destroy(error));
  stream.on("close", () => child.kill());
  return stream;
}
