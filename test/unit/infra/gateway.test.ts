import { describe, expect, test } from "vitest";
import { renderGatewayProjects } from "../../../infra/lib/gateway/projects.ts";
import { routeMaps } from "../../../infra/lib/gateway/routes.ts";

/** What nginx makes of the text is the integration tests' matter; here it is which requests the patterns are about. */
describe("routes", () => {
  const [routes = "", ambiguous = ""] = routeMaps.split("map $clean_path");
  const entries = [...routes.matchAll(/"~(\S.*)" "(open|)";/g)].map(([, pattern, value]) => [pattern, value] as const);
  const isOpen = (request: string) =>
    entries.find(([pattern]) => new RegExp(pattern ?? "").test(request))?.[1] === "open";
  // In a text of nginx' config a backslash is written twice.
  const pattern = /"~\*(.*)" "yes";/.exec(ambiguous)?.[1]?.replaceAll("\\\\", "\\") ?? "";
  const isAmbiguous = (path: string) => new RegExp(pattern, "i").test(path);

  test.each([
    ...["GET /v1/agents", "GET /v1/agents/", "POST /v1/agents/agent-1/messages/stream", "GET /v1/health/"],
    ...["PUT /v1/tools/mcp/servers", "POST /v1/mcp-servers/", "PATCH /v1/mcp-servers/mcp-1/refresh"],
    ...["POST /v1/folders/source-1/upload", "GET /v1/providers/", "POST /v1/providers/", "GET /v1/sandbox-config/"],
    ...["POST /v1/chat/completions", "DELETE /v1/runs/run-1", "POST /v1/passages/search"],
  ])("%s is open", (request) => expect(isOpen(request)).toBe(true));

  test.each([
    ...["GET /v1/admin/users/", "GET /v1/adminx", "GET /v1/agentsx", "GET /v2/agents/", "GET /latest/agents/", "GET /"],
    ...["POST /v1/auth", "GET /v1/_internal_runs/", "GET /v1/providers/provider-1", "POST /v1/providers/check"],
    ...["PATCH /v1/providers/provider-1/refresh", "POST /v1/sandbox-config/", "PATCH /v1/sandbox-config/sandbox-1"],
    ...[
      "GET /v1/tools/mcp/oauth/callback",
      "GET /v1/telemetry/step-1",
      "TRACE /v1/agents/",
      "GET /V1/agents/",
      "GET /v1/Agents/",
    ],
  ])("%s is closed", (request) => expect(isOpen(request)).toBe(false));

  test.each([
    ...[
      "/v1/agents/..%2Fadmin",
      "/v1/%2e%2e/admin",
      "/v1/../admin",
      "/v1/.git",
      "/v1/a%5cb",
      "/v1/a%00",
      "/v1/a%0D%0Ab",
    ],
    ...["/v1/a%252f", "/v1/a;b", "/v1/a%3Bb", "/v1/a\\b", "/v1/a#b", "/v1/a//b", "v1/agents"],
  ])("%s can be read in more than one way", (path) => expect(isAmbiguous(path)).toBe(true));

  test.each([
    ...["/v1/agents/", "/v1/sources/name/my%20papers", "/v1/sources/name/%C3%A9t%C3%A9", "/v1/agents/?name=a//b%2f;c"],
    ...["/v1/tools/?name=..%2f", "/v1/sources/name/paper.v2", "/v1/agents/agent-1/core-memory/blocks/human~1"],
  ])("%s cannot", (path) => expect(isAmbiguous(path)).toBe(false));
});

describe("who is who", () => {
  const projects = [
    { name: "thoth", tokens: ["NEW", "OLD"], user: "user-1" },
    { name: "notes", tokens: ["NOTES"], user: "user-2" },
  ];

  test("has every token that works, one user for each project and the server's password", () => {
    const text = renderGatewayProjects(projects, "the-password");
    expect([...text.matchAll(/^ {2}"(.*)" "(.*)";$/gm)].map(([, key, value]) => [key, value])).toEqual([
      ["Bearer NEW", "thoth/NEW"],
      ["Bearer OLD", "thoth/OLD"],
      ["Bearer NOTES", "notes/NOTES"],
      ["thoth", "user-1"],
      ["notes", "user-2"],
    ]);
    expect(text).toContain('default "Bearer the-password";');
  });

  test("has another version when anything of it is another", () => {
    const version = (...args: Parameters<typeof renderGatewayProjects>) =>
      /projects_version \{\n {2}default "(\w+)";/.exec(renderGatewayProjects(...args))?.[1];
    const versions = [
      version(projects, "a"),
      version(projects, "b"),
      version(projects.slice(1), "a"),
      version([], "a"),
    ];
    expect(new Set(versions).size).toBe(4);
    expect(version(projects, "a")).toBe(versions[0]);
  });
});
