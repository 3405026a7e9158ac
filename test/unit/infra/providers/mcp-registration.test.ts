import { describe, expect, test, vi } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import provider from "../../../../infra/providers/mcp-registration.ts";
import { inspected } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";
import { type ImitatedLetta, imitatedLetta } from "../../../support/imitated-letta.ts";

type Server = { id: string; server_name: string; server_url?: string; custom_headers?: Record<string, string> };
type Request = { server_name?: string; config: Omit<Server, "id" | "server_name"> };

/** An imitation of Letta that knows these MCP servers and reads these tools of each. */
async function letta(
  servers: Server[],
  tools: unknown[] = [{ name: "search" }],
  onRefresh: () => unknown = () => {},
): Promise<ImitatedLetta> {
  return imitatedLetta({
    "GET /v1/mcp-servers/": () => ({ body: servers }),
    "POST /v1/mcp-servers/": ({ body }) => {
      const { server_name = "", config } = body as Request;
      const server = { id: "new", server_name, ...config };
      servers.push(server);
      return { body: server };
    },
    "PATCH /v1/mcp-servers/:id/refresh": () => {
      onRefresh();
      return { body: "" };
    },
    "PATCH /v1/mcp-servers/:id": ({ id, body }) => {
      const server = servers.find((candidate) => candidate.id === id);
      return server === undefined ? { status: 404 } : { body: Object.assign(server, (body as Request).config) };
    },
    "GET /v1/mcp-servers/:id/tools": () => ({ body: tools }),
  });
}

const mcpUrl = "http://thoth-mcp:8001/mcp";
const fix =
  `is ${new URL(mcpUrl).hostname} in thoth-letta:mcpHosts of the letta stack? ` +
  "Else look at the mcp container: make thoth-logs";
const inputsFor = ({ url, password }: ImitatedLetta) => ({
  ...{ lettaUrl: url, lettaPassword: password, serverName: "thoth", mcpUrl, token: "token-1", trigger: "container-1" },
  toolsUser: "thoth-api",
});
const registered = {
  mcp_server_type: "streamable_http",
  server_url: mcpUrl,
  custom_headers: { Authorization: "Bearer token-1" },
};

describe("create", () => {
  test("registers the server, makes Letta read its tools, and checks that there are some", async () => {
    const servers: Server[] = [];
    const imitation = await letta(servers);
    const inputs = inputsFor(imitation);
    expect(await provider.create(inputs)).toEqual({ id: "thoth", outs: inputs });
    expect(servers).toEqual([{ id: "new", server_name: "thoth", ...registered }]);
    expect(imitation.requests).toEqual([
      "GET /v1/mcp-servers/",
      "POST /v1/mcp-servers/",
      "PATCH /v1/mcp-servers/new/refresh",
      "GET /v1/mcp-servers/new/tools",
    ]);
  });

  test("takes over a server of that name, and leaves others alone", async () => {
    const other = { id: "other", server_name: "notes", server_url: "http://notes/mcp" };
    const servers: Server[] = [{ ...other }, { id: "old", server_name: "thoth", server_url: "http://gone/mcp" }];
    const imitation = await letta(servers);
    await provider.create(inputsFor(imitation));
    expect(servers).toEqual([other, { id: "old", server_name: "thoth", ...registered }]);
    expect(imitation.requests).toContain("PATCH /v1/mcp-servers/old/refresh");
  });

  test("is an error when Letta reads no tools, which names the host that may be missing in mcpHosts", async () => {
    const problem = `Letta reads no tools from the MCP server thoth at ${mcpUrl}`;
    await expect(provider.create(inputsFor(await letta([], [])))).rejects.toThrow(new UserError(problem, fix));
    const refusing = await imitatedLetta({
      "GET /v1/mcp-servers/": () => ({ body: [] }),
      "POST /v1/mcp-servers/": () => ({ body: { id: "new", server_name: "thoth" } }),
      "PATCH /v1/mcp-servers/new/refresh": () => ({ status: 404, body: "non-public IP" }),
    });
    await expect(provider.create(inputsFor(refusing))).rejects.toThrow(
      new UserError(`${problem}: PATCH /v1/mcp-servers/new/refresh: HTTP 404 non-public IP`, fix),
    );
  });

  test("reports Letta's refusal", async () => {
    const imitation = await imitatedLetta({
      "GET /v1/mcp-servers/": () => ({ body: [] }),
      "POST /v1/mcp-servers/": () => ({ status: 422, body: "private address" }),
    });
    const refusal = "POST /v1/mcp-servers/: HTTP 422 private address";
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow(refusal);
  });
});

test("Letta has minutes to read the tools: it waits for the MCP server, which a busy machine makes slow", async () => {
  const clock = vi.spyOn(AbortSignal, "timeout");
  const imitation = await letta([]);
  await provider.create(inputsFor(imitation));
  const limits = imitation.requests.map((request, index) => [request, clock.mock.calls[index]?.[0]]);
  clock.mockRestore();
  expect(limits.filter(([, limit]) => limit === 120_000).map(([request]) => request)).toEqual([
    "POST /v1/mcp-servers/",
    "PATCH /v1/mcp-servers/new/refresh",
  ]);
});

test("update gives a known server the new token", async () => {
  const servers: Server[] = [{ id: "old", server_name: "thoth", ...registered }];
  const inputs = inputsFor(await letta(servers));
  const news = { ...inputs, token: "token-2" };
  expect(await provider.update?.("thoth", inputs, news)).toEqual({ outs: news });
  expect(servers[0]?.custom_headers).toEqual({ Authorization: "Bearer token-2" });
});

describe("diff", () => {
  const known: Server[] = [{ id: "old", server_name: "thoth", ...registered }];

  test("shows no change while Letta knows the server at its URL, and one when an input changes", async () => {
    const inputs = inputsFor(await letta(known));
    expect(await provider.diff?.("thoth", inputs, { ...inputs })).toEqual({ changes: false });
    for (const key of ["serverName", "mcpUrl", "token", "trigger"]) {
      expect(await provider.diff?.("thoth", inputs, { ...inputs, [key]: "another" }), key).toEqual({ changes: true });
    }
  });

  test.each<[string, Server[], object]>([
    ["has lost the server", [], {}],
    ["knows it at another URL", [{ id: "old", server_name: "thoth", server_url: "http://gone/mcp" }], {}],
    ["does not answer", known, { lettaUrl: "http://127.0.0.1:1" }],
  ])("shows one when Letta %s", async (_, servers, changes) => {
    const inputs = { ...inputsFor(await letta(servers)), ...changes };
    expect(await provider.diff?.("thoth", inputs, inputs)).toEqual({ changes: true });
  });
});

test("tools that vanished are read again, and Thoth restarts to give them to its agents", async () => {
  const tools: unknown[] = [];
  const imitation = await letta([{ id: "old", server_name: "thoth", ...registered }], tools, () =>
    tools.push({ name: "search" }),
  );
  const inputs = inputsFor(imitation);
  expect(await provider.diff?.("thoth", inputs, inputs)).toEqual({ changes: true });
  const docker = fakeDocker({ "container inspect thoth-api": inspected(), "restart thoth-api": {} });
  await provider.update?.("thoth", inputs, inputs);
  expect(docker.calls()).toContain("restart thoth-api");
  expect(await provider.diff?.("thoth", inputs, inputs)).toEqual({ changes: false });
});

test("what gives the tools may wait for a file, which appears once they are read; then it does not restart", async () => {
  const inputs = { ...inputsFor(await letta([])), startsWith: "/tmp/read" };
  const docker = fakeDocker({ "exec thoth-api test -e /tmp/read": [{ exitCode: 1 }, {}], "exec thoth-api touch": {} });
  await provider.create(inputs);
  await provider.update?.("thoth", inputs, inputs);
  expect(docker.calls().filter((call) => call.includes("touch"))).toEqual(["exec thoth-api touch /tmp/read"]);
});

test("delete leaves the registration, and with it the agents' tools", async () => {
  const imitation = await letta([{ id: "old", server_name: "thoth", ...registered }]);
  await provider.delete?.("thoth", inputsFor(imitation));
  expect(imitation.requests).toEqual([]);
});
