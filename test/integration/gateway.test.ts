import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { headerValues, type RawRequest, rawRequest } from "../support/raw-request.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
let letta: LettaStack;
beforeAll(async () => {
  letta = await stacks.lettaOutputs();
});

const server = `${stacks.letta}-server`;
const ask = (path: string, { headers, ...options }: RawRequest = {}) =>
  rawRequest(letta.urls.gateway, path, {
    ...options,
    headers: { authorization: `Bearer ${letta.tokens.thoth}`, ...headers },
  });
const health = async () => (await rawRequest(letta.urls.gateway, "/nginx-health")).status;

describe("CORS", () => {
  const allowed = [
    "app://obsidian.md",
    "capacitor://localhost",
    "http://localhost",
    "http://localhost:3000",
    "https://app.letta.com",
  ];
  const refused = [
    "https://evil.example",
    "http://localhost.evil.example",
    "https://app.letta.com.evil.example",
    "http://localhost:3000.evil.example",
  ];
  const preflight = { method: "OPTIONS", headers: { "access-control-request-method": "POST" } };

  test.each(allowed)("lets %s ask first and then read", async (origin) => {
    const before = await rawRequest(letta.urls.gateway, "/v1/agents/", {
      ...preflight,
      headers: { ...preflight.headers, origin },
    });
    expect(before.status).toBe(204);
    expect(headerValues(before, "access-control-allow-origin")).toEqual([origin]);
    expect(headerValues(before, "access-control-allow-methods").join()).toContain("POST");
    expect(headerValues(before, "access-control-allow-headers").join().toLowerCase()).toContain("authorization");

    const answer = await ask("/v1/agents/", { headers: { origin } });
    expect(answer.status).toBe(200);
    expect(headerValues(answer, "access-control-allow-origin")).toEqual([origin]);
    expect(headerValues(answer, "access-control-allow-credentials")).toEqual(["true"]);
  });

  test.each(refused)("gives %s nothing to read by", async (origin) => {
    const before = await rawRequest(letta.urls.gateway, "/v1/agents/", {
      ...preflight,
      headers: { ...preflight.headers, origin },
    });
    const answer = await ask("/v1/agents/", { headers: { origin } });
    for (const response of [before, answer]) {
      expect(headerValues(response, "access-control-allow-origin")).toEqual([]);
      expect(headerValues(response, "access-control-allow-credentials")).toEqual([]);
    }
  });

  test("also marks an answer that is an error, so that a page can read it", async () => {
    const origin = "app://obsidian.md";
    const answer = await rawRequest(letta.urls.gateway, "/v1/agents/", { headers: { origin } });
    expect(answer.status).toBe(401);
    expect(headerValues(answer, "access-control-allow-origin")).toEqual([origin]);
  });
});

describe("requests", () => {
  test("lose doubled slashes in the path and keep those of the query", async () => {
    expect((await ask("//v1//agents/?name=x")).status).toBe(200);
    // Letta quotes what it cannot read.
    const { status, body } = await ask("//v1//agents//?limit=a//b");
    expect(status).toBe(422);
    expect(body).toContain("'a//b'");
  });

  test("may be larger than nginx' own limit of 1 MiB", async () => {
    const body = JSON.stringify({ junk: "x".repeat(2 * 2 ** 20) });
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    // 422: Letta has read it and does not like it.
    expect((await ask("/v1/blocks/", { method: "POST", headers, body })).status).toBe(422);
  });

  test("over the configured limit are refused with 413", async () => {
    const headers = { "content-type": "application/json", "content-length": String(100 * 2 ** 20 + 1) };
    expect((await ask("/v1/blocks/", { method: "POST", headers })).status).toBe(413);
  });

  test("share connections to Letta", async () => {
    await ask("/v1/agents/");
    const before = await proxyConnections();
    for (let count = 0; count < 10; count++) await ask("/v1/agents/");
    const after = await proxyConnections();
    expect(after).not.toEqual([]);
    expect(before, "none of them is new").toEqual(expect.arrayContaining(after));
  });

  /** The ports on nginx' side of its connections to Letta. */
  async function proxyConnections(): Promise<string[]> {
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const address = (await dockerOutput(["inspect", "--format", format, `${stacks.letta}-nginx`])).trim();
    // The kernel writes an IPv4 address as one number in the host's byte order.
    const hex = address
      .split(".")
      .reverse()
      .map((part) => Number(part).toString(16).padStart(2, "0"));
    const remote = hex.join("").toUpperCase();
    const table = await dockerOutput(["exec", server, "cat", "/proc/net/tcp"]);
    const established = table.split("\n").map((line) => line.trim().split(/\s+/));
    return established
      .filter(([, local, other, state]) => local?.endsWith(":205B") && other?.startsWith(remote) && state === "01")
      .map(([, , other]) => other ?? "")
      .sort();
  }
});

describe("when Letta is away", () => {
  afterEach(async () => {
    await stacks.engine(["unpause", server]);
  });

  test("/nginx-health says 503, and 200 as soon as Letta answers again", async () => {
    await dockerOutput(["pause", server]);
    expect(await health()).toBe(503);
    await dockerOutput(["unpause", server]);
    await expect.poll(health, { timeout: 30_000 }).toBe(200);
  });

  test("and comes back with a restart, the proxy finds it without one of its own", async () => {
    const before = await stacks.containers(stacks.letta);
    await dockerOutput(["restart", server]);
    await expect.poll(health, { timeout: 120_000, interval: 200 }).toBe(200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask("/v1/agents/")));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const after = await stacks.containers(stacks.letta);
    expect(after[`${stacks.letta}-nginx`]).toEqual(before[`${stacks.letta}-nginx`]);
    expect(after[server]?.startedAt).not.toBe(before[server]?.startedAt);
  });
});
