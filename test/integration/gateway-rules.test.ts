import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { drainFlags, gatewayConfig } from "../../infra/lib/gateway/config.ts";
import { gatewayProjectsPath, renderGatewayProjects } from "../../infra/lib/gateway/projects.ts";
import { probeOwner } from "../../infra/lib/names.ts";
import { headerValues, type RawRequest, type RawResponse, rawRequest } from "../support/raw-request.ts";
import { ownPrefix } from "../support/shared-stacks.ts";
import { presentImage } from "../support/stacks.ts";

/** The gateway's rules, in a real nginx with the real configuration; instead of Letta, a second nginx echoes each request. */
const container = `${ownPrefix()}-nginx`;
const tokens = { thoth: "ThothNew", former: "ThothOld", notes: "Notes", probe: "Probe" };

const unknownToken = { detail: expect.stringContaining("no project has this token") };

const echo = `
pid /tmp/echo.pid;
events {}
http {
  access_log off;
  underscores_in_headers on;
  server {
    listen 127.0.0.1:8283;
    listen 127.0.0.1:8285;
    listen 127.0.0.1:8290;
    client_max_body_size 0;
    absolute_redirect off;
    location = /v1/tags { return 307 http://$http_host/v1/tags/$is_args$args; }
    location = /v1/tags/a:b/ { return 307 http://$http_host/v1/tags/a:b$is_args$args; }
    location = /v1/steps/stream { default_type text/event-stream; add_header Cache-Control private; return 200 "data: x\\n\\n"; }
    location = /v1/steps/busy { add_header Retry-After 7 always; return 429 '{"detail":"busy"}'; }
    location = /v1/steps/away { return 503 '{"detail":"Letta says so"}'; }
    location = /v1/steps/name { add_header X-Request-Id of-letta; return 200 $http_x_api_request_log_id; }
    location / {
      return 200 "$server_port $request_uri $http_user_id $http_authorization $http_x_bare_password|$http_cookie|$http_accept|$http_x_forwarded_for";
    }
  }
}`;

let gateway: string;
const ask = (path: string, { headers, ...options }: RawRequest = {}) =>
  rawRequest(gateway, path, { ...options, headers: { authorization: `Bearer ${tokens.thoth}`, ...headers } });
const send = (request: string) => {
  const [method = "", path = ""] = request.split(" ");
  return ask(path, { method });
};

beforeAll(async () => {
  const files = {
    ...gatewayConfig({
      allowedOrigins: [
        ...["app://obsidian.md", "http://localhost", "https://app.letta.com", "http://portal:3000"],
        ...["https://a.org+(b)|c", "https://[::1]", "a://b$c^d{1}*?"],
      ],
      maxRequestMiB: 1,
      projectLimits: { requestsPerSecond: 10_000, burst: 10_000, connections: 100, runs: 1000 },
      trustedProxies: ["127.0.0.1"],
      hasTls: false,
      pageAddress: "192.0.2.1",
    }),
    [gatewayProjectsPath]: renderGatewayProjects(
      [
        { name: "thoth", tokens: [tokens.thoth, tokens.former], user: "user-1" },
        { name: "notes", tokens: [tokens.notes], user: "user-2" },
        { name: probeOwner, tokens: [tokens.probe], user: "user-3" },
      ],
      "server-password",
    ),
    "/etc/nginx/echo.conf": echo,
  };
  const folder = mkdtempSync(join(tmpdir(), "thoth-letta-test-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  await dockerOutput([
    ...["create", "--name", container, "--add-host", "letta-server:127.0.0.1"],
    ...["--add-host", "letta-page:127.0.0.1"],
    ...["--publish", "127.0.0.1::8284", "--entrypoint", "sh", presentImage("nginx")],
    ...["-c", "nginx -c /etc/nginx/echo.conf && nginx -t -q && exec nginx -g 'daemon off;'"],
  ]);
  for (const part of ["etc", "run"]) await dockerOutput(["cp", join(folder, part), `${container}:/`]);
  rmSync(folder, { recursive: true });
  await dockerOutput(["start", container]);
  gateway = `http://${(await dockerOutput(["port", container, "8284/tcp"])).split("\n")[0]}`;
  await vi.waitFor(() => rawRequest(gateway, "/nginx-health"), { timeout: 120_000 });
}, 60_000);

afterAll(async () => {
  await docker(["rm", "--force", "--volumes", container]);
});

describe("identity", () => {
  const accepted = [
    ["a project's token", `Bearer ${tokens.thoth}`, "user-1"],
    ["the token it replaces", `Bearer ${tokens.former}`, "user-1"],
    ["another project's token", `bearer ${tokens.notes}`, "user-2"],
  ];
  test.each(accepted)("%s makes Letta see its user and the server's password", async (_, authorization, user) => {
    const { body } = await ask("/v1/agents/", { headers: { authorization: authorization ?? "" } });
    expect(body).toContain(`8283 /v1/agents/ ${user} Bearer server-password |`);
  });

  test("is decided by the token alone, and only known headers reach Letta", async () => {
    const others = {
      user_id: "user-2",
      "user-id": "user-2",
      "x-bare-password": "password x",
      cookie: "c",
      accept: "a/b",
    };
    expect((await ask("/v1/agents/", { headers: others })).body).toContain(
      "8283 /v1/agents/ user-1 Bearer server-password ||a/b|",
    );
  });

  test.each([
    ["no token", undefined],
    ["an unknown token", "Bearer Nobody"],
    ["a token in another case", `Bearer ${tokens.thoth.toUpperCase()}`],
    ["another scheme", `Basic ${tokens.thoth}`],
    ["the server's own password", "Bearer server-password"],
  ])("%s is refused with 401", async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await rawRequest(gateway, "/v1/agents/", { headers });
    expect([answer.status, JSON.parse(answer.body)]).toEqual([401, unknownToken]);
  });

  test.each([
    ["alone, as the ADE sends it", undefined],
    ["beside a token that nobody has", "Bearer Nobody"],
  ])("comes from X-BARE-PASSWORD %s", async (_, authorization) => {
    const headers = { "x-bare-password": `password ${tokens.notes}`, ...(authorization ? { authorization } : {}) };
    expect((await rawRequest(gateway, "/v1/agents/", { headers })).body).toContain("user-2 Bearer server-password |");
  });

  test.each([
    ["the server's own password", "password server-password"],
    ["a token in another case", `password ${tokens.thoth.toUpperCase()}`],
    ["no scheme", tokens.thoth],
  ])("%s in X-BARE-PASSWORD is refused with 401", async (_, bare) => {
    expect((await rawRequest(gateway, "/v1/agents/", { headers: { "x-bare-password": bare } })).status).toBe(401);
  });

  test.each(["/v1/health", "/v1/health/", "/v1/ready/"])("%s needs none", async (path) => {
    const answer = await rawRequest(gateway, path);
    expect([answer.status, answer.body]).toEqual([200, expect.stringContaining(`${path}  Bearer server-password |`)]);
    expect((await rawRequest(gateway, path, { method: "POST" })).status).toBe(401);
  });

  test("must not be given twice", async () => {
    const authorization = [`Bearer ${tokens.notes}`, `Bearer ${tokens.thoth}`];
    expect((await rawRequest(gateway, "/v1/agents/", { headers: { authorization } })).status).toBe(400);
  });
});

describe("routes", () => {
  test.each([
    ...["GET /v1/agents", "GET /v1/agents/", "GET /v1/health/", "PUT /v1/tools/mcp/servers", "POST /v1/mcp-servers/"],
    ...["PATCH /v1/mcp-servers/mcp-1/refresh", "POST /v1/folders/source-1/upload", "GET /v1/providers/"],
    ...["POST /v1/providers/", "GET /v1/sandbox-config/", "DELETE /v1/runs/run-1", "POST /v1/passages/search"],
    ...["GET /v1/telemetry/step-1", "POST /v1/sandbox-config/local/default"],
    ...["POST /v1/sandbox-config/sandbox-1/environment-variable", "DELETE /v1/sandbox-config/environment-variable/e-1"],
    // Names that Letta allows, for instance of memory blocks.
    ...["GET /v1/agents/a/core-memory/blocks/100%25", "GET /v1/agents/a/core-memory/blocks/a%3Bb"],
    ...["PATCH /v1/agents/a/core-memory/blocks/.hidden", "GET /v1/agents/a/core-memory/blocks/%23x"],
    ...["GET /v1/agents/a/core-memory/blocks/...", "GET /v1/agents/a/core-memory/blocks/a%5Cb;c"],
    ...["GET /v1/agents/%252e%252e/admin/", "GET /v1/agents/..;/admin/", "GET /v1/sources/name/paper%2ev2"],
    ...["GET /v1/providers/provider-1", "POST /v1/providers/check", "PATCH /v1/providers/provider-1/refresh"],
    ...["GET /v1/sources/name/my%20papers", "GET /v1/sources/name/%C3%A9t%C3%A9", "GET /v1/agents/?name=a//b%2f;c"],
    ...["GET /v1/sources/name/paper.v2", "GET /v1/agents/agent-1/core-memory/blocks/human~1"],
  ])("%s reaches Letta as it is", async (request) => {
    expect((await send(request)).body).toContain(` ${request.split(" ")[1]} `);
  });

  test.each([
    // Whole families, and single routes of open ones.
    ...["GET /v1/admin/users/", "GET /latest/agents/", "GET /", "POST /v1/auth", "GET /docs", "GET /openapi.json"],
    ...["GET /v1/_internal_runs/", "GET /v1/git/x/info/refs", "GET /v1/zai/v1/models", "HEAD /v1/admin/users/"],
    ...["POST /v1/sandbox-config/", "PATCH /v1/sandbox-config/sandbox-1", "GET /v1/tools/mcp/oauth/callback?code=1"],
    // Paths that nginx and Letta could read differently.
    ...["GET //v1/admin/users/", "GET /v1//admin/users/", "GET /v1/agents/../admin/", "GET /v1/%61dmin/users/"],
    ...["GET /v1/agents/%2e%2e/admin/", "GET /v1/agents/..%2fadmin/", "GET /v1/a\\b"],
    ...["GET /v1/agents/.%2E/admin/", "GET /v1/agents%2f..%2fadmin/", "GET /v1/agents/..", "GET /v1/agents/x/..?a=b"],
    ...["GET /v1/agents/%00", "GET /v1/agents/a%0D%0Ab", "GET /v1/agents/./x", "GET /v1/agents/a\\b"],
    ...["GET /v1/agents/a#b", "GET v1/agents/", "GET /v1//agents//b//c//d//e"],
  ])("%s is closed", async (request) => {
    // 400: nginx refuses invalid HTTP before it looks at the routes.
    expect([400, 403]).toContain((await send(request)).status);
  });

  test.each([
    ...["GET /v1/adminx", "GET /v1/agentsx", "GET /v2/agents/", "GET /V1/admin/users/", "GET /V1/agents/"],
    ...["GET /v1/Agents/", "GET /v1/users/", "GET /v1/orgs/", "GET /.git/config", "GET /v1/.env", "GET /v1/.git"],
  ])("%s does not exist, in Letta's words", async (request) => {
    const answer = await send(request);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([404, { detail: "Not Found" }]);
  });

  test.each([
    ["GET /v1/admin/users/", "operator's"],
    ["POST /v1/auth", "tokens, not passwords"],
    ["GET /v1/git/x/info/refs", "memory blocks"],
    ["GET /v1/agents/a%2fb", "encoded slashes"],
    ["PATCH /v1/sandbox-config/sandbox-1", "Python environment"],
  ])("%s is refused with its own reason: %s", async (request, reason) => {
    const answer = await send(request);
    expect(headerValues(answer, "content-type")).toEqual(["application/json"]);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([403, { detail: expect.stringContaining(reason) }]);
  });

  test("HEAD works where GET does: Letta is asked with GET", async () => {
    const answer = await ask("/v1/agents/", { method: "HEAD" });
    expect([answer.status, answer.body]).toEqual([200, ""]);
    expect(Number(headerValues(answer, "content-length")[0])).toBe((await ask("/v1/agents/")).body.length);
  });

  test.each([
    ["//v1/agents", "/v1/agents"],
    ["///v1////agents//x", "/v1/agents/x"],
    ["//v1/agents/?url=http://host//path", "/v1/agents/?url=http://host//path"],
    ["/v1//agents//a//b", "/v1/agents/a/b"],
  ])("%s loses its runs of slashes: %s", async (path, clean) => {
    expect((await ask(path)).body).toContain(` ${clean} `);
  });

  test("/nginx-projects is open to the container itself only", async () => {
    expect((await ask("/nginx-projects")).status).toBe(403);
  });
});

describe("the status page", () => {
  test.each(["/status", "/status/data?since=7", "/status/logout"])(
    "gets %s with the cookie, and no token",
    async (path) => {
      const headers = { cookie: "letta-page=a", "x-real-ip": "10.9.8.7" };
      const { body } = await ask(path, { headers });
      expect(body).toBe(`8290 ${path}   |letta-page=a||`);
    },
  );

  test("is no part of what other origins may read", async () => {
    const answer = await ask("/status/data", { headers: { origin: "http://localhost" } });
    expect(headerValues(answer, "access-control-allow-origin")).toEqual([]);
    expect(headerValues(answer, "access-control-allow-credentials")).toEqual([]);
  });

  test.each(["/statuses", "/status/other", "/status/data/x"])("does not get %s", async (path) => {
    expect((await ask(path)).status).toBe(404);
  });

  test("alone may ask how many requests are open", async () => {
    expect((await ask("/nginx-status")).status).toBe(403);
  });

  test("takes small requests only", async () => {
    expect((await ask("/status", { method: "POST", body: "a".repeat(5000) })).status).toBe(413);
  });
});

describe("runs", () => {
  const starting = [
    ...["agents/agent-1/messages", "agents/agent-1/messages/", "agents/agent-1/messages/stream"],
    ...["agents/agent-1/messages/async", "agents/agent-1/generate", "agents/agent-1/tools/search/run"],
    ...["conversations/conv-1/messages", "groups/group-1/messages/stream", "messages/batches", "runs", "tools/run"],
    ...["chat/completions", "agents/agent-1/mess%61ges"],
  ].map((path) => `POST /v1/${path}`);
  const others = [
    ...["GET /v1/agents/agent-1/messages", "PATCH /v1/agents/agent-1", "POST /v1/agents/", "POST /v1/tools/"],
    ...["POST /v1/agents/messages/search", "POST /v1/agents/agent-1/messages/cancel", "POST /v1/runs/run-1/stream"],
    ...["POST /v1/agents/agent-1/archival-memory", "POST /v1/conversations/conv-1/stream"],
  ];
  const hold = (flag: keyof typeof drainFlags) => dockerOutput(["exec", container, "touch", drainFlags[flag]]);

  afterEach(async () => {
    await dockerOutput(["exec", container, "rm", "-f", ...Object.values(drainFlags)]);
  });

  test("are served by the processes for runs, everything else by the other one", async () => {
    const ports = async (requests: string[]) =>
      new Set((await Promise.all(requests.map(send))).map(({ body }) => body.split(" ")[0]));
    expect(await ports(starting)).toEqual(new Set(["8285"]));
    expect(await ports(others)).toEqual(new Set(["8283"]));
  });

  test("do not start while Letta is drained, and a page of an allowed origin can read when to ask again", async () => {
    await hold("runs");
    const headers = { origin: "app://obsidian.md" };
    for (const request of starting) expect((await send(request)).status, request).toBe(503);
    for (const request of others) expect((await send(request)).status, request).toBe(200);
    const refused = await ask("/v1/runs", { method: "POST", headers });
    expect([headerValues(refused, "retry-after"), headerValues(refused, "access-control-allow-origin")]).toEqual([
      ["10"],
      ["app://obsidian.md"],
    ]);
    const probe = { authorization: `Bearer ${tokens.probe}` };
    expect((await ask("/v1/runs", { method: "POST", headers: probe })).status).toBe(200);
  });

  test("wait with everything else while Letta is closed, except the stack's probe", async () => {
    await hold("all");
    expect((await ask("/v1/agents/")).status).toBe(503);
    expect((await ask("/v1/agents/", { headers: { authorization: `Bearer ${tokens.probe}` } })).status).toBe(200);
  });
});

describe("pages of other origins", () => {
  const preflight = (origin: string) =>
    rawRequest(gateway, "/v1/agents/", {
      method: "OPTIONS",
      headers: {
        ...{ origin, "access-control-request-method": "POST" },
        "access-control-request-headers": "authorization,x-stainless-os",
      },
    });
  const allowedOrigin = (answer: RawResponse) => headerValues(answer, "access-control-allow-origin");

  test.each([
    ...["app://obsidian.md", "https://app.letta.com", "http://portal:3000", "https://a.org+(b)|c", "a://b$c^d{1}*?"],
    // Configured without a port: any port.
    ...["http://localhost", "http://localhost:3000", "https://[::1]:8080"],
  ])("%s may send a preflight without a token, and read the answer", async (origin) => {
    const before = await preflight(origin);
    expect([before.status, allowedOrigin(before)]).toEqual([204, [origin]]);
    expect(headerValues(before, "access-control-allow-methods").join()).toContain("POST");
    expect(headerValues(before, "access-control-allow-headers")).toEqual(["authorization,x-stainless-os"]);
    const answer = await ask("/v1/agents/", { headers: { origin } });
    expect(allowedOrigin(answer)).toEqual([origin]);
    expect(headerValues(answer, "access-control-allow-credentials")).toEqual(["true"]);
    expect(allowedOrigin(await rawRequest(gateway, "/v1/agents/", { headers: { origin } }))).toEqual([origin]);
  });

  test.each([
    ...[
      "https://evil.example",
      "http://localhost.evil.example",
      "https://app.letta.com.evil.example",
      "c",
      "https://:",
    ],
    ...["http://localhost:3000.evil.example", "http://localhost:80@evil.org", "xhttp://localhost", "http://localhost:"],
    ...["https://localhost", "http://portal:3001", "http://portal", "http://portal:30000", "https://appxletta.com"],
  ])("%s gets no CORS headers", async (origin) => {
    for (const answer of [await preflight(origin), await ask("/v1/agents/", { headers: { origin } })]) {
      expect([allowedOrigin(answer), headerValues(answer, "access-control-allow-credentials")]).toEqual([[], []]);
    }
  });
});

test("a request over the limit is refused with 413", async () => {
  const body = "x".repeat(2 ** 20);
  expect((await ask("/v1/blocks/", { method: "POST", body })).status).toBe(200);
  const headers = { "content-length": String(2 ** 20 + 1) };
  expect((await ask("/v1/blocks/", { method: "POST", headers })).status).toBe(413);
});

describe("an answer", () => {
  const detailOf = (answer: RawResponse) => (JSON.parse(answer.body) as { detail: string }).detail;

  test.each([
    ["/v1/tags?a=b", "./tags/?a=b", "/v1/tags/?a=b"],
    ["/v1/tags/a:b/?c=/d/", "../a:b?c=/d/", "/v1/tags/a:b?c=/d/"],
  ])("redirects %s relative to what was asked, so that any proxy may be in front", async (path, location, absolute) => {
    const answer = await ask(path, { headers: { "x-forwarded-proto": "https", "x-forwarded-host": "evil.example" } });
    expect([answer.status, headerValues(answer, "location")]).toEqual([307, [location]]);
    const asked = new URL(`https://letta.example/a/prefix${path}`);
    expect(new URL(location, asked).href).toBe(`https://letta.example/a/prefix${absolute}`);
  });

  test("that streams tells proxies to pass it on as it comes", async () => {
    const stream = await ask("/v1/steps/stream");
    expect([headerValues(stream, "x-accel-buffering"), headerValues(stream, "cache-control")]).toEqual([
      ["no"],
      ["no-cache"],
    ]);
    expect(headerValues(await ask("/v1/agents/"), "x-accel-buffering")).toEqual([]);
  });

  test.each([
    ["the client's", "client-request-1", /^client-request-1$/],
    ["the gateway's, where the client's is not plain", "a b%s", /^[0-9a-f]{32}$/],
    ["the gateway's, where the client gives none", undefined, /^[0-9a-f]{32}$/],
  ])("names its request in the answer, to Letta and in the log: %s", async (_, given, expected) => {
    const answer = await ask("/v1/steps/name", { headers: given === undefined ? {} : { "x-request-id": given } });
    const [name = "", ...others] = headerValues(answer, "x-request-id");
    expect([name, others, answer.body]).toEqual([expect.stringMatching(expected), [], name]);
    await expect.poll(async () => dockerOutput(["logs", container])).toContain(` request=${name}\n`);
  });

  test("of Letta stays as it is, and says when to ask again", async () => {
    const busy = await ask("/v1/steps/busy");
    expect([busy.status, detailOf(busy), headerValues(busy, "retry-after")]).toEqual([429, "busy", ["7"]]);
    const away = await ask("/v1/steps/away");
    expect([away.status, detailOf(away), headerValues(away, "retry-after")]).toEqual([503, "Letta says so", ["10"]]);
  });

  test("names the client's address to Letta as a trusted proxy tells it, and only the proxy's own part", async () => {
    const fromProxy = ["exec", container, "curl", "-sS", "-H", `Authorization: Bearer ${tokens.thoth}`];
    const forwarded = ["-H", "X-Forwarded-For: 8.8.8.8, 9.9.9.9", "http://127.0.0.1:8284/v1/agents/"];
    expect(await dockerOutput([...fromProxy, ...forwarded])).toContain("|9.9.9.9");
    const direct = await ask("/v1/agents/", { headers: { "x-forwarded-for": "9.9.9.9" } });
    expect(direct.body).not.toContain("9.9.9.9");
  });

  test.each([
    [405, "TRACE /v1/agents/"],
    [400, "GET v1/agents/"],
    [414, `GET /v1/${"x".repeat(9000)}`],
  ])("%i that nginx gives itself is JSON, too", async (status, request) => {
    const answer = await send(request);
    expect([answer.status, typeof detailOf(answer)]).toEqual([status, "string"]);
  });

  test("while Letta is away is 502 in Letta's form, with a time to ask again", async () => {
    const inEcho = (...args: string[]) =>
      dockerOutput(["exec", container, "nginx", "-c", "/etc/nginx/echo.conf", ...args]);
    await inEcho("-s", "stop");
    const answers = async () =>
      Promise.all([ask("/v1/agents/"), ask("/v1/runs", { method: "POST" }), ask("/v1/health/")]);
    await expect.poll(async () => (await answers()).map(({ status }) => status)).toEqual([502, 502, 502]);
    for (const answer of await answers()) {
      expect([detailOf(answer), headerValues(answer, "retry-after")]).toEqual([
        expect.stringContaining("Letta does not answer"),
        ["10"],
      ]);
    }
    expect((await rawRequest(gateway, "/nginx-health")).status).toBe(503);
    const { status, body } = await ask("/status");
    expect([status, body]).toEqual([502, "the status page does not answer: make letta-start\n"]);
    await inEcho();
  });
});
