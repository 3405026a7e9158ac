import { beforeAll, describe, expect, test } from "vitest";
import { parseLettaConfig } from "../../infra/config/letta.ts";
import { serverConnections } from "../../infra/config/sizes.ts";
import { docker, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { lettaFetch } from "../../infra/lib/letta/api.ts";
import { withPostgres } from "../../infra/lib/postgres/connect.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { conversationText, createAgent, type LettaEvent, say, stream } from "../support/conversation.ts";
import { redisPassword, redisSays } from "../support/redis.ts";
import { startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

const stacks = sharedStacks();
let letta: LettaStack;
beforeAll(async () => {
  letta = await stacks.lettaOutputs();
});

describe("after up", () => {
  test("all seven containers are healthy", async () => {
    expect(letta.containers).toHaveLength(7);
    const health = async () =>
      Promise.all(letta.containers.map(async (name) => (await inspectContainer(name))?.State.Health?.Status));
    await expect.poll(health, { timeout: 120_000 }).toEqual(Array(7).fill("healthy"));
  });

  test("the health URLs of the outputs answer 200", async () => {
    const answers = await Promise.all(Object.values(letta.healthUrls).map((url) => fetch(url, { redirect: "error" })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  test("the state holds a deep probe that passed", async () => {
    const { stdout } = succeeded(await stacks.pulumi(["stack", "export", "--stack", stacks.letta]));
    expect(stdout).toContain("pulumi-nodejs:dynamic/thoth-letta:letta-probe");
  });
});

describe.each(["letta", "thoth"] as const)("a second run of the %s stack, behind a proxy, changes nothing", (kind) => {
  test.each([
    ["up", ["up", "--yes", "--skip-preview", "--expect-no-changes"]],
    ["refresh", ["refresh", "--preview-only", "--expect-no-changes"]],
  ])("on %s", async (_name, args) => {
    const before = await stacks.containers(stacks[kind]);
    // With a proxy that nothing may use: Pulumi's programs talk to each other on loopback.
    const env = { https_proxy: "http://127.0.0.1:9", no_proxy: "example.org, example.net" };
    succeeded(await stacks.pulumi([...args, "--stack", stacks[kind]], { env }));
    expect(await stacks.containers(stacks[kind])).toEqual(before);
  });
});

describe("Letta", () => {
  test("answers the operator by its password on its own port, and a project by its token on the gateway's", async () => {
    const secrets = [undefined, "wrong", letta.serverPassword, letta.projects.thoth?.token];
    const statuses = (url: string) =>
      Promise.all(
        secrets.map(async (secret) => {
          const headers: Record<string, string> = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
          return (await fetch(`${url}/v1/agents/`, { headers })).status;
        }),
      );
    expect(await statuses(letta.urls.server)).toEqual([401, 401, 200, 401]);
    expect(await statuses(letta.urls.gateway)).toEqual([401, 401, 401, 200]);
  });

  test("keeps its connections to Postgres from one request to the next", async () => {
    const endpoint = await stacks.lettaEndpoint();
    const requests = 20;
    const ask = async () => {
      for (let count = 0; count < requests; count++) await lettaFetch(endpoint, "GET", "/v1/agents/");
    };
    await ask();
    const before = await serverSessions();
    await ask();
    const after = await serverSessions();
    // Without a pool each request would open and close a connection, and none would be idle here. A few may be new: one
    // from before a rotation is replaced when a request takes it.
    const kept = after.filter((session) => before.includes(session));
    expect(kept).not.toEqual([]);
    expect(after.length - kept.length).toBeLessThan(requests);
    expect(after.length).toBeLessThanOrEqual(serverConnections(parseLettaConfig({}, "letta").sizes.server));
  });

  test("keeps its prepared statements in Postgres from one request to the next", async () => {
    const endpoint = await stacks.lettaEndpoint();
    for (let count = 0; count < 20; count++) await lettaFetch(endpoint, "GET", "/v1/agents/");
    const start = new Date().toISOString();
    await stacks.psql(`select pg_log_backend_memory_contexts(pid) from pg_stat_activity
      where datname = 'letta' and backend_type = 'client backend'`);
    /** How many statements each of its sessions has: the report that Postgres writes of their memory names each. */
    const statements = async () => {
      const { stderr } = await docker(["logs", "--since", start, `${stacks.letta}-postgres`]);
      const sessions = [...stderr.matchAll(/\[(\d+)\] LOG: .*\bCachedPlanSource:/g)].map(([, session]) => session);
      return Math.max(0, ...[...new Set(sessions)].map((one) => sessions.filter((other) => other === one).length));
    };
    await expect.poll(statements, { timeout: 120_000 }).toBeGreaterThan(3);
  });

  test("runs a message in the background through Redis", async () => {
    await using agent = await testAgent();
    const events: LettaEvent[] = [];
    for await (const event of stream(agent.endpoint, agent.id, "in the background", { background: true })) {
      events.push(event);
    }
    const run = events.find(({ run_id }) => run_id !== undefined)?.run_id;
    expect(events.map(({ content }) => content ?? "").join("")).toBe("You said: in the background");
    expect(await redisSays(stacks, await redisPassword(stacks), "exists", `sse:run:${run}`)).toBe("1");
  });

  test("keeps of a model call only its cost, not its text", async () => {
    await using agent = await testAgent();
    await say(agent.endpoint, agent.id, "marker-of-a-private-prompt");
    expect(await conversationText(agent.endpoint, agent.id)).toContain("marker-of-a-private-prompt");
    const count = (sql: string) =>
      withPostgres(letta.hostDatabaseUrl, async (client) => (await client.query(sql)).rowCount);
    const traces = `select from provider_trace_metadata where agent_id = '${agent.id}'`;
    await expect.poll(() => count(traces), { timeout: 120_000 }).toBeGreaterThan(0);
    for (const table of ["provider_traces", "provider_trace_metadata"]) {
      expect(await count(`select from ${table} t where t::text like '%marker-of-a-private-prompt%'`), table).toBe(0);
    }
  });

  /** Letta's own connections as Postgres sees them: process and start. */
  function serverSessions(): Promise<string[]> {
    return withPostgres(letta.hostDatabaseUrl, async (client) => {
      const { rows } = await client.query<{ session: string }>(
        `select pid || ' since ' || backend_start as session from pg_stat_activity
         where datname = 'letta' and pid <> pg_backend_pid() order by backend_start`,
      );
      return rows.map(({ session }) => session);
    });
  }

  /** An agent with its own model; both are removed with the test. */
  async function testAgent() {
    const model = await startScriptedModel({ host: "0.0.0.0" });
    const endpoint = await stacks.lettaEndpoint();
    const id = await createAgent(endpoint, model.port);
    return {
      id,
      endpoint,
      async [Symbol.asyncDispose]() {
        await lettaFetch(endpoint, "DELETE", `/v1/agents/${id}`);
        await model.close();
      },
    };
  }
});
