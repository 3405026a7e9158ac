import { describe, expect, test } from "vitest";
import { renderNginxConfig } from "../../../infra/lib/gateway/nginx.ts";

/** What nginx makes of the text is the integration tests' matter; here it is which text the settings lead to. */
const render = (settings: Partial<Parameters<typeof renderNginxConfig>[0]> = {}) =>
  renderNginxConfig({
    serverAddress: "172.22.0.10",
    listenPort: 8284,
    allowedOrigins: ["http://localhost"],
    maxRequestMiB: 100,
    limits: { requestsPerSecond: 50, burst: 100, connections: 64, runs: 8 },
    ...settings,
  });

/** The text of `name { … }`, braces inside it included. */
function block(config: string, name: string): string {
  const start = config.indexOf(`${name} {`);
  if (start === -1) throw new Error(`there is no block ${name}`);
  let depth = 0;
  for (let index = config.indexOf("{", start); index < config.length; index += 1) {
    if (config[index] === "{") depth += 1;
    if (config[index] === "}") depth -= 1;
    if (depth === 0) return config.slice(start, index + 1);
  }
  throw new Error(`block ${name} has no end`);
}

/** The patterns of the map from a request's origin to the one that is allowed, as regular expressions. */
function originPatterns(allowedOrigins: string[]): RegExp[] {
  const map = block(render({ allowedOrigins }), "map $http_origin $cors_origin");
  return [...map.matchAll(/^ +"~(.*)" \$http_origin;$/gm)].map(([, pattern]) => new RegExp(pattern ?? ""));
}
const isAllowed = (allowed: string[], origin: string) =>
  originPatterns(allowed).some((pattern) => pattern.test(origin));

describe("origins", () => {
  test.each([
    ["app://obsidian.md", "app://obsidian.md", true],
    ["https://app.letta.com", "https://app.letta.com", true],
    // Without a port: any port.
    ["http://localhost", "http://localhost:3000", true],
    ["http://localhost", "http://localhost", true],
    // With a port: that one.
    ["http://localhost:3000", "http://localhost:3000", true],
    ["http://localhost:3000", "http://localhost:3001", false],
    ["http://localhost:3000", "http://localhost", false],
    ["http://localhost:3000", "http://localhost:30000", false],
    // The whole origin, not a part of it.
    ["http://localhost", "http://localhost.evil.org", false],
    ["http://localhost", "http://localhost:80@evil.org", false],
    ["http://localhost", "xhttp://localhost", false],
    ["http://localhost", "http://localhost:", false],
    ["http://localhost", "https://localhost", false],
    // What means something in a regular expression means itself.
    ["https://app.letta.com", "https://appxletta.com", false],
    ["https://a.org+(b)|c", "https://a.org+(b)|c", true],
    ["https://a.org+(b)|c", "c", false],
    ["https://[::1]", "https://[::1]:8080", true],
    ["https://[::1]", "https://:", false],
    ["a://b$c^d{1}*?", "a://b$c^d{1}*?", true],
  ])("%s allows %s: %s", (allowed, origin, expected) => {
    expect(isAllowed([allowed], origin)).toBe(expected);
  });

  test("each of several counts", () => {
    const allowed = ["app://obsidian.md", "http://localhost"];
    expect(originPatterns(allowed)).toHaveLength(2);
    expect([isAllowed(allowed, "app://obsidian.md"), isAllowed(allowed, "http://localhost:1")]).toEqual([true, true]);
  });

  test("none at all leaves a map that allows none", () => {
    expect(originPatterns([])).toEqual([]);
    expect(block(render({ allowedOrigins: [] }), "map $http_origin $cors_origin")).toContain('default "";');
  });
});

/** Does to a path what nginx' chain of maps does, with the rendered patterns. */
function cleanPath(path: string): string {
  const maps = [...render().matchAll(/map (\$\S+) (\$clean_path\S*) \{\n +default (\$\S+);\n +"~(.*)" "(.*)";\n/g)];
  expect(maps.map(([, from, to, otherwise]) => [from, to, otherwise])).toEqual([
    ["$request_uri", "$clean_path_1", "$request_uri"],
    ["$clean_path_1", "$clean_path_2", "$clean_path_1"],
    ["$clean_path_2", "$clean_path_3", "$clean_path_2"],
    ["$clean_path_3", "$clean_path", "$clean_path_3"],
  ]);
  return maps.reduce((text, [, , , , pattern, replacement]) => {
    const groups = new RegExp(pattern ?? "").exec(text)?.groups;
    return groups === undefined ? text : (replacement ?? "").replace(/\$(\w+)/g, (_, name) => groups[name] ?? "");
  }, path);
}

describe("runs of slashes", () => {
  test.each([
    ["/v1/agents/", "/v1/agents/"],
    ["//v1/agents", "/v1/agents"],
    ["///v1////agents//x", "/v1/agents/x"],
    ["//a//b//c//d", "/a/b/c/d"],
    ["/v1/x?url=http://host//path", "/v1/x?url=http://host//path"],
    ["//v1/x?url=http://host//path", "/v1/x?url=http://host//path"],
    ["/v1/a%2Fb//c", "/v1/a%2Fb/c"],
  ])("%s becomes %s", (path, expected) => {
    expect(cleanPath(path)).toBe(expected);
  });
});

describe("the server", () => {
  test("listens on the given port, takes bodies of the given size and asks the given server", () => {
    const config = render({ listenPort: 9000, maxRequestMiB: 7, serverAddress: "10.0.0.10" });
    expect(block(config, "server")).toContain("listen 9000;");
    expect(block(config, "server")).toContain("client_max_body_size 7m;");
    expect(block(config, "upstream letta")).toContain("server 10.0.0.10:8283 max_fails=0;");
  });

  test("asks the processes for runs when a request begins one", () => {
    const config = render({ serverAddress: "10.0.0.10" });
    expect(block(config, "upstream letta_runs")).toContain("server 10.0.0.10:8285 max_fails=0;");
    expect(block(config, "map $begins_work $upstream")).toMatch(/default letta_runs;\s+"" letta;/);
    expect(block(config, "location /")).toContain("proxy_pass http://$upstream$clean_path;");
  });

  test("passes tokens on as they come, and waits for a slow model", () => {
    const location = block(render(), "location /");
    for (const line of [
      "proxy_buffering off;",
      "proxy_cache off;",
      "proxy_request_buffering off;",
      "gzip off;",
      "proxy_read_timeout 3600s;",
    ]) {
      expect(location).toContain(line);
    }
  });

  test("sends one set of CORS headers: those it adds are those it hides of Letta's", () => {
    const config = render();
    const namesAfter = (directive: string) =>
      new Set([...config.matchAll(new RegExp(`${directive} (Access-Control-\\S+?);? `, "g"))].map(([, name]) => name));
    const hidden = new Set([...config.matchAll(/proxy_hide_header (\S+);/g)].map(([, name]) => name));
    expect([...namesAfter("add_header")].filter((name) => !hidden.has(name))).toEqual([]);
    expect(namesAfter("add_header").size).toBe(6);
  });

  test("answers a preflight by itself", () => {
    expect(block(render(), "if ($request_method = OPTIONS)")).toContain("return 204;");
  });

  test("says in its health answer when Letta does not answer", () => {
    expect(block(render(), "location = /nginx-health")).toContain("error_page 500 502 503 504 = @letta_down;");
    expect(block(render(), "location @letta_down")).toContain("return 503");
  });
});

test("every block that opens also closes", () => {
  const config = render();
  expect([...config.matchAll(/\{\n/g)]).toHaveLength([...config.matchAll(/^ *\}$/gm)].length);
});

describe("while it is drained", () => {
  /** True when the map takes a request for one that begins a run. */
  const beginsWork = (method: string, path: string) => {
    const map = block(render(), 'map "$request_method $uri" $begins_work');
    const pattern = /"~(\^POST .*)" "yes";/.exec(map)?.[1] ?? "";
    return new RegExp(pattern).test(`${method} ${path}`);
  };

  test.each([
    ["POST", "/v1/agents/agent-1/messages"],
    ["POST", "/v1/agents/agent-1/messages/"],
    ["POST", "/v1/agents/agent-1/messages/stream"],
    ["POST", "/v1/agents/agent-1/messages/async"],
    ["POST", "/v1/agents/agent-1/generate"],
    ["POST", "/v1/agents/agent-1/tools/search/run"],
    ["POST", "/v1/conversations/conv-1/messages"],
    ["POST", "/v1/groups/group-1/messages/stream"],
    ["POST", "/v1/messages/batches"],
    ["POST", "/v1/runs"],
    ["POST", "/v1/tools/run"],
    ["POST", "/v1/chat/completions"],
    ["POST", "/v1/voice-beta/agent-1/chat/completions"],
  ])("%s %s is kept out: it begins a run", (method, path) => {
    expect(beginsWork(method, path)).toBe(true);
  });

  test.each([
    ["GET", "/v1/agents/agent-1/messages"],
    ["PATCH", "/v1/agents/agent-1"],
    ["POST", "/v1/agents/"],
    ["POST", "/v1/agents/messages/search"],
    ["POST", "/v1/agents/agent-1/messages/cancel"],
    ["POST", "/v1/agents/agent-1/archival-memory"],
    ["POST", "/v1/runs/run-1/stream"],
    ["POST", "/v1/conversations/conv-1/stream"],
    ["POST", "/v1/tools/"],
  ])("%s %s is let in: it reads, or is done at once", (method, path) => {
    expect(beginsWork(method, path)).toBe(false);
  });

  test("tells the refused when to ask again, also a page of another origin", () => {
    expect(block(render(), "if ($refused)")).toContain("return 503;");
    expect(block(render(), "location @refused_503")).toContain("set $retry_after 15;");
    // Not in that location: one header of its own would take its server's away.
    expect(block(render(), "location @refused_503")).not.toContain("add_header");
    expect(block(render(), "server")).toContain("add_header Access-Control-Allow-Origin $cors_origin always;");
  });

  test("looks for its flags at each request, and lets the probe pass", () => {
    const server = block(render(), "server");
    const order = ["set $refused $begins_work;", "if (!-f /tmp/letta-drain)", "if (-f /tmp/letta-closed)"];
    const places = [...order, 'if ($project = "letta-probe")'].map((text) => server.indexOf(text));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((first, second) => first - second));
  });
});
