import { fetchPinned } from "./https.ts";

/** Where a Letta server answers, and the credentials for it. */
export interface LettaEndpoint {
  /** Without a trailing slash, e.g. `http://127.0.0.1:8284`. */
  readonly url: string;
  /** The server password on the server's own port, a project's token on the gateway's. */
  readonly password: string;
  /** Id of the Letta user to act as; the gateway ignores it. Default: Letta's default user. */
  readonly user?: string;
  /** PEM of the server's certificate, for an https URL. */
  readonly certificate?: string;
}

/** An answer of Letta with a status other than 2xx. */
export class LettaApiError extends Error {
  override readonly name = "LettaApiError";
  readonly status: number;

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: HTTP ${status} ${body.slice(0, 300)}`);
    this.status = status;
  }
}

/**
 * Calls Letta; the caller reads the body.
 *
 * @param options.timeoutSeconds default: 15
 * @throws LettaApiError on any status but 2xx, TypeError when nobody listens, Error when no answer comes in time
 */
export async function lettaFetch(
  { url, password, user, certificate }: LettaEndpoint,
  method: string,
  path: string,
  options: { body?: unknown; timeoutSeconds?: number } = {},
): Promise<Response> {
  const actor = user === undefined ? {} : { user_id: user };
  const { timeoutSeconds = 15 } = options;
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  const request = {
    method,
    headers: { authorization: `Bearer ${password}`, "content-type": "application/json", ...actor },
    signal,
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  };
  const asked =
    certificate === undefined ? fetch(`${url}${path}`, request) : fetchPinned(`${url}${path}`, certificate, request);
  const response = await asked.catch((cause) => {
    throw signal.aborted ? new Error(`${method} ${path}: no answer within ${timeoutSeconds} s`, { cause }) : cause;
  });
  if (!response.ok) throw new LettaApiError(method, path, response.status, await response.text());
  return response;
}

/** Calls Letta and returns its JSON; see {@link lettaFetch}. */
export async function lettaJson<Result>(
  endpoint: LettaEndpoint,
  method: string,
  path: string,
  body?: unknown,
  options: { timeoutSeconds?: number } = {},
): Promise<Result> {
  const response = await lettaFetch(endpoint, method, path, { body, ...options });
  const text = await response.text();
  return (text === "" ? undefined : JSON.parse(text)) as Result;
}
