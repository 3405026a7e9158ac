import { request } from "node:https";
import { Readable } from "node:stream";

/** The subset of fetch's options that is used here. */
export interface HttpsOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/**
 * Like fetch, but trusts exactly this certificate (PEM), whatever name it is for: fetch takes no certificate, and this host
 * may reach the server at an address that an operator's certificate does not name.
 */
export function fetchPinned(url: string, certificate: string, options: HttpsOptions): Promise<Response> {
  const { method, headers, body, signal } = options;
  const tls = { ca: certificate, checkServerIdentity: () => undefined, allowPartialTrustChain: true };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, signal, ...tls }, (incoming) => {
      const status = incoming.statusCode ?? 0;
      const hasBody = status !== 204 && status !== 304;
      const stream = Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>;
      resolve(new Response(hasBody ? stream : null, { status }));
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
