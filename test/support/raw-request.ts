import { request } from "node:http";
import { text } from "node:stream/consumers";

/** An answer with its headers as they came over the wire: fetch would join two of a kind into one. */
export interface RawResponse {
  readonly status: number;
  /** Name in lower case and value, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

export interface RawRequest {
  readonly method?: string;
  /** Each value of a list becomes a separate header. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Default: none. `undefined` with a content-length sends the headers alone. */
  readonly body?: string;
}

/** Sends one request on a new connection, without following redirects or touching the path. */
export function rawRequest(origin: string, path: string, options: RawRequest = {}): Promise<RawResponse> {
  const { hostname, port } = new URL(origin);
  const { method = "GET", headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers, agent: false }, async (response) => {
      const raw = response.rawHeaders;
      const pairs = raw.flatMap((name, index) =>
        index % 2 === 0 ? [[name.toLowerCase(), raw[index + 1] ?? ""] as const] : [],
      );
      resolve({ status: response.statusCode ?? 0, headers: pairs, body: await text(response) });
      outgoing.destroy();
    });
    outgoing.on("error", reject);
    if (body === undefined && headers["content-length"] !== undefined) outgoing.flushHeaders();
    else outgoing.end(body);
  });
}

/** Every value of one header. */
export function headerValues({ headers }: RawResponse, name: string): string[] {
  return headers.filter(([key]) => key === name).map(([, value]) => value);
}
