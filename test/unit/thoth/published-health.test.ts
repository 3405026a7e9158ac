import { execFile } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";

/** The health checks of the published images; the one of processes is tested where containers are. */

const server = createServer();
afterEach(() => server.close());

/** What the check says, with its exit code first, of a service that answers like this. */
async function checked(check: string, status: number, body: string): Promise<string> {
  server.removeAllListeners("request").on("request", (_, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return run(check, String(port));
}

function run(...check: string[]): Promise<string> {
  const file = join(root, "images/thoth-published/health.py");
  return new Promise((resolve) => {
    execFile("python3", ["-IS", file, ...check], (error, stdout) => resolve(`${error?.code ?? 0} ${stdout}`.trim()));
  });
}

const services = (others: object) =>
  JSON.stringify({
    status: "unhealthy",
    services: {
      postgres: { status: "healthy" },
      auth: { status: "unknown", error: "health_check method not implemented" },
      ...others,
    },
  });

describe("the API's", () => {
  test.each([
    ["services without a check", 503, services({}), "0"],
    ["all of them healthy", 200, services({}), "0"],
    ["one that is only degraded", 503, services({ rag: { status: "degraded" } }), "0"],
    ["one that fails", 503, services({ llm: { status: "unhealthy", error: "no key" } }), "1 llm: no key"],
    ["one without a pool", 503, services({ postgres: { status: "error" } }), "1 postgres: error"],
    ["no services yet", 503, '{"services": {}, "error": "not initialized"}', "1 not initialized"],
    ["an answer that is not JSON", 502, "<html>", "1 HTTP Error 502: Bad Gateway"],
  ])("is right about %s", async (_, status, body, expected) => {
    expect(await checked("api", status, body)).toBe(expected);
  });
});

test.each([
  [200, "0"],
  [503, "1 HTTP Error 503: Service Unavailable"],
])("the MCP server's of HTTP %i is right", async (status, expected) => {
  expect(await checked("http", status, "{}")).toBe(expected);
});

test("a port that nobody listens on is red", async () => {
  expect(await run("api", "1")).toMatch(/^1 .*Connection refused/);
});
