import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { temporaryFiles } from "../../support/temporary.ts";

/** The health checks of the published images; the one of processes is tested where containers are. */

const server = createServer();
afterEach(() => server.close());

/** What the check says, with its exit code first, of a service that answers like this. */
async function checked(check: string, status: number, body: string): Promise<string> {
  server.removeAllListeners("request").on("request", (_, response) => response.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return run(check.replace("PORT", String(port)));
}

function run(...checks: string[]): Promise<string> {
  return runFile(join(root, "images/thoth-published/health.py"), ...checks);
}

function runFile(file: string, ...checks: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile("python3", ["-IS", file, ...checks], (error, stdout) => resolve(`${error?.code ?? 0} ${stdout}`.trim()));
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
    expect(await checked("api=PORT", status, body)).toBe(expected);
  });
});

test.each([
  [200, "0"],
  [503, "1 HTTP Error 503: Service Unavailable"],
])("the MCP server's of HTTP %i is right", async (status, expected) => {
  expect(await checked("http=PORT", status, "{}")).toBe(expected);
});

test("a port that nobody listens on is red", async () => {
  expect(await run("api=1")).toMatch(/^1 .*Connection refused/);
});

test.each([
  [200, "0"],
  [401, "1 Letta: HTTP Error 401: Unauthorized"],
])("the one of Letta is right about HTTP %i", async (status, expected) => {
  expect(await checked("letta=http://127.0.0.1:PORT", status, "3")).toBe(expected);
});

test("everything that is red is reported at once", async () => {
  expect(await run("http=1", "letta=http://127.0.0.1:1")).toMatch(/^1 .*refused.*; Letta: .*refused/);
});

describe("Postgres", () => {
  /** What the check says of a server that answers each connection so. */
  async function checkedPostgres(answer: (connection: Socket) => void): Promise<string> {
    const tcp = createTcpServer((connection) =>
      connection.on("error", () => {}).once("data", () => answer(connection)),
    );
    await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
    const url = `postgresql://thoth:pass@127.0.0.1:${(tcp.address() as AddressInfo).port}/thoth`;
    const folder = temporaryFiles({ "secrets.env": `A_KEY='it'\\''s'\nDATABASE_URL='${url}'\n` });
    const text = readFileSync(join(root, "images/thoth-published/health.py"), "utf8");
    const file = temporaryFiles({
      "health.py": text.replace("/run/thoth-letta/secrets.env", join(folder, "secrets.env")),
    });
    try {
      return await runFile(join(file, "health.py"), "postgres");
    } finally {
      tcp.close();
    }
  }

  test("that answers is healthy; one that closes the connection is red", async () => {
    expect(await checkedPostgres((connection) => connection.end("S"))).toBe("0");
    expect(await checkedPostgres((connection) => connection.destroy())).toMatch(/^1 Postgres: /);
  });
});
