import { setImmediate, setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import { conversationText, createAgent, say } from "../support/conversation.ts";
import { mcpServers, mcpTools } from "../support/mcp-servers.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type ContainerIdentity, succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
const rounds = 2;
const tools = ["get_paper", "list_papers", "search_papers"];

let endpoint: LettaEndpoint;
let thoth: ThothExports;
let model: ScriptedModel;
let agent: string;
const before: { containers?: Record<string, ContainerIdentity>; thothAgent?: string } = {};
const afterRound: { thothAgent: string; servers: number; tools: string[] }[] = [];
let written: { readonly texts: string[]; readonly failures: string[] };

/** Thoth is destroyed and made again twice while another client uses Letta; the tests below check the outcome. */
beforeAll(async () => {
  endpoint = await stacks.lettaEndpoint();
  thoth = await stacks.thothOutputs();
  model = await startScriptedModel({ host: "0.0.0.0", beforeWord: () => setImmediate() });
  agent = await createAgent(endpoint, model.port);
  before.containers = await stacks.containers(stacks.letta);
  before.thothAgent = await readyAgent();
  const writer = startWriter();
  for (let round = 0; round < rounds; round++) {
    succeeded(await stacks.pulumi(["destroy", "--yes", "--skip-preview", "--stack", stacks.thoth]));
    await stacks.up(stacks.thoth);
    const servers = await mcpServers(endpoint, stacks.thoth);
    const names = await Promise.all(servers.map((server) => mcpTools(endpoint, server)));
    afterRound.push({
      thothAgent: await readyAgent(),
      servers: servers.length,
      tools: names
        .flat()
        .map(({ name }) => name)
        .sort(),
    });
  }
  written = await writer.stop();
});
afterAll(() => model.close());

test("no request of another client of Letta fails meanwhile", () => {
  expect(written.failures).toEqual([]);
  expect(written.texts.length).toBeGreaterThan(rounds);
});

test("all that the other client wrote is there afterwards", async () => {
  const passages = await lettaJson<{ text: string }[]>(
    endpoint,
    "GET",
    `/v1/agents/${agent}/archival-memory?limit=10000`,
  );
  expect(passages.map(({ text }) => text).sort()).toEqual(written.texts.toSorted());
  const conversation = await conversationText(endpoint, agent);
  expect(written.texts.filter((text) => !conversation.includes(`"${text}"`))).toEqual([]);
});

test("no container of Letta is replaced or restarted", async () => {
  expect(await stacks.containers(stacks.letta)).toEqual(before.containers);
});

test("Thoth finds its agent again each time", () => {
  expect(new Set(afterRound.map(({ thothAgent }) => thothAgent))).toEqual(new Set([before.thothAgent]));
});

test("Thoth's tools are in Letta once, not once a round", () => {
  expect(afterRound.map(({ servers }) => servers)).toEqual(Array(rounds).fill(1));
  expect(afterRound.map(({ tools: names }) => names)).toEqual(Array(rounds).fill(tools));
});

test("the next up fixes an MCP registration that was changed by hand", async () => {
  const [server] = await mcpServers(endpoint, stacks.thoth);
  const wrong = server?.server_url.replace(/\/mcp$/, "/elsewhere");
  const config = { mcp_server_type: "streamable_http", server_url: wrong };
  await lettaJson(endpoint, "PATCH", `/v1/mcp-servers/${server?.id}`, { config });
  expect((await mcpServers(endpoint, stacks.thoth)).map(({ server_url }) => server_url)).toEqual([wrong]);

  await stacks.up(stacks.thoth);
  expect(await mcpServers(endpoint, stacks.thoth)).toEqual([server]);
});

/** The id of Thoth's agent, once Thoth has looked for it. */
async function readyAgent(): Promise<string> {
  return vi.waitFor(
    async () => {
      const agent = (await (await fetch(`${thoth.urls.api}/agent`)).json()) as { state: string; id: string };
      expect(agent.state).toBe("ready");
      return agent.id;
    },
    { timeout: 120_000, interval: 100 },
  );
}

/** Adds a message and a passage, one after the other, until it is stopped; the short pause leaves the processor to Pulumi. */
function startWriter() {
  const texts: string[] = [];
  const failures: string[] = [];
  let isStopped = false;
  const work = (async () => {
    while (!isStopped) {
      const text = `written-${texts.length}-`;
      try {
        await say(endpoint, agent, text);
        await lettaJson(endpoint, "POST", `/v1/agents/${agent}/archival-memory`, { text });
      } catch (error) {
        failures.push(String(error));
      }
      texts.push(text);
      await setTimeout(100);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await work;
      return { texts, failures };
    },
  };
}
