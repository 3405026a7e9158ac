import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { createAgent } from "../support/conversation.ts";
import { headerValues, rawRequest } from "../support/raw-request.ts";
import { startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

const stacks = sharedStacks();
let letta: LettaStack;
beforeAll(async () => {
  letta = await stacks.lettaOutputs();
});

const server = `${stacks.letta}-server`;
const listAgents = (headers: Record<string, string> = {}) =>
  rawRequest(letta.urls.gateway, "/v1/agents/", {
    headers: { authorization: `Bearer ${letta.projects.thoth?.token}`, ...headers },
  });
const health = async () => (await rawRequest(letta.urls.gateway, "/nginx-health")).status;

test("an answer has one set of CORS headers, though Letta sends its own", async () => {
  const origin = "app://obsidian.md";
  const answer = await listAgents({ origin });
  expect(answer.status).toBe(200);
  expect(headerValues(answer, "access-control-allow-origin")).toEqual([origin]);
  expect(headerValues(answer, "access-control-allow-credentials")).toEqual(["true"]);
});

test("a request is found by its name, or by its run, in the logs of each container that it went through", async () => {
  const authorization = `Bearer ${letta.projects.thoth?.token}`;
  const headers = { authorization, "content-type": "application/json", "x-request-id": "a-request-to-be-found" };
  const model = await startScriptedModel({ host: "0.0.0.0" });
  const id = await createAgent(await stacks.projectEndpoint(), model.port);
  const body = JSON.stringify({ messages: [{ role: "user", content: "hello" }] });
  const path = `/v1/agents/${id}/messages`;
  expect((await rawRequest(letta.urls.gateway, path, { method: "POST", headers, body })).status).toBe(200);
  await model.close();
  const search = async (value: string) =>
    (await stacks.command(["letta", "logs", "--since", "10m", "--run", value])).output.split("\n").filter(Boolean);
  const found = await search("a-request-to-be-found");
  expect(found).toContainEqual(expect.stringMatching(`nginx +\\| .* project=thoth "POST ${path}" 200 `));
  expect(found).toContainEqual(expect.stringMatching(/server +\| .*request=a-request-to-be-found /));
});

describe("requests", () => {
  test("share connections to Letta", async () => {
    const before = await gatewayConnections();
    for (let count = 0; count < 20; count++) await listAgents();
    const after = await gatewayConnections();
    expect(after).not.toEqual([]);
    // Each nginx worker keeps connections for itself, and other clients of the pair may open some meanwhile.
    expect(after.filter((port) => !before.includes(port)).length).toBeLessThan(10);
  });

  /** The ports at nginx' end of its connections to Letta. */
  async function gatewayConnections(): Promise<string[]> {
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

  test("/nginx-health answers 503, and 200 once Letta answers again", async () => {
    await dockerOutput(["pause", server]);
    expect(await health()).toBe(503);
    await dockerOutput(["unpause", server]);
    await expect.poll(health, { timeout: 120_000 }).toBe(200);
  });

  test("the gateway finds it again after a restart, without being restarted itself", async () => {
    const before = await stacks.containers(stacks.letta);
    await dockerOutput(["restart", server]);
    await expect.poll(health, { timeout: 120_000, interval: 200 }).toBe(200);
    const answers = await Promise.all(Array.from({ length: 20 }, () => listAgents()));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const after = await stacks.containers(stacks.letta);
    expect(after[`${stacks.letta}-nginx`]).toEqual(before[`${stacks.letta}-nginx`]);
    expect(after[server]?.startedAt).not.toBe(before[server]?.startedAt);
  });
});
