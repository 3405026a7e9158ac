import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** What a route answers: a status and a body, which is sent as JSON unless it is text. */
interface ImitatedAnswer {
  readonly status?: number;
  readonly body?: unknown;
}
type Route = (request: { readonly id: string; readonly query: string; readonly body: unknown }) => ImitatedAnswer;

/** The endpoint and the record of an imitated Letta. */
export interface ImitatedLetta {
  readonly url: string;
  readonly password: string;
  /** Method and path of each request so far, without the query. */
  readonly requests: readonly string[];
}

/**
 * An HTTP server that stands in for Letta until the running test ends: a few routes, written after those of 0.16.8.
 * What the real one answers is the integration tests' matter.
 *
 * @param routes `METHOD /path`, where `:id` stands for any one segment -> its answer
 */
export async function imitatedLetta(routes: Readonly<Record<string, Route>>): Promise<ImitatedLetta> {
  const password = "the password";
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? "", "http://localhost");
    const line = `${request.method} ${pathname}`;
    requests.push(line);
    const isKnown = request.headers.authorization === `Bearer ${password}`;
    const sent = await text(request);
    const body = sent === "" ? undefined : JSON.parse(sent);
    const { status = 200, body: answer } = isKnown ? answerOf(routes, line, search, body) : unauthorized;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, password, requests };
}

const unauthorized: ImitatedAnswer = { status: 401, body: { detail: "Unauthorized" } };

function answerOf(routes: Readonly<Record<string, Route>>, line: string, query: string, body: unknown): ImitatedAnswer {
  for (const [pattern, route] of Object.entries(routes)) {
    const match = new RegExp(`^${pattern.replace(":id", "([^/]+)")}$`).exec(line);
    if (match !== null) return route({ id: match[1] ?? "", query, body });
  }
  return { status: 404, body: { detail: "Not Found" } };
}
