import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LettaApiError, type LettaEndpoint, lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { bareAgent, createAgent, say, stream } from "../support/conversation.ts";
import { type OpenApi, type Operation, operations } from "../support/openapi.ts";
import { headerValues, type RawResponse, rawRequest } from "../support/raw-request.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type Belongings, everythingListed, populate } from "../support/tenant.ts";

const stacks = sharedStacks();
/** In every text of the project's objects; random, as its organization outlives the project. */
const word = `secret_${randomBytes(4).toString("hex")}`;
let letta: LettaStack;
let model: ScriptedModel;
let owned: Belongings;
let all: Operation[];
/** Ids of the same kinds that do not exist. */
let nowhere: Belongings;

beforeAll(async () => {
  stacks.configure(stacks.letta, { projects: ["thoth", "second", "third"], projectLimits: { runs: 9 } });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
  model = await startScriptedModel({ host: "0.0.0.0" });
  owned = await populate(as("second"), { modelPort: model.port, mcpUrl: `http://${stacks.thoth}-mcp:8001/mcp`, word });
  owned = { ...owned, job_id: await makeJob(letta.projects.second?.user ?? "") };
  nowhere = Object.fromEntries(Object.entries(owned).map(([name, id]) => [name, unknownLike(id)]));
  all = operations(await lettaJson<OpenApi>(await stacks.lettaEndpoint(), "GET", "/openapi.json"));
}, 300_000);

afterAll(async () => {
  await model.close();
  stacks.configure(stacks.letta, { projects: ["thoth"], projectLimits: {} });
  await stacks.up(stacks.letta);
});

const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
const unknownLike = (id: string) => id.replace(uuid, randomUUID()).replace(word, "nothing_of_that_name");

/** Letta creates jobs for batches only, which need a provider that is not available here. */
async function makeJob(user: string): Promise<string> {
  const id = `job-${randomUUID()}`;
  const columns =
    "id, user_id, organization_id, status, job_type, completed_at, created_at, updated_at, is_deleted, metadata_";
  await stacks.psql(
    `insert into jobs (${columns}) select '${id}', id, organization_id, 'completed', 'job', now(), now(), now(), false,` +
      ` '{"type": "${word}"}' from users where id = '${user}'`,
    "letta",
  );
  return id;
}

const as = (project: string): LettaEndpoint => ({
  url: letta.urls.gateway,
  password: letta.projects[project]?.token ?? "",
});

/** Bodies where Letta requires more than its schema says. */
const fullerBody = ({ path, body }: Operation): unknown => {
  if (/\/(messages|stream|async|preview-raw-payload)$/.test(path)) return { input: "x", messages: null };
  if (path === "/v1/mcp-servers/{mcp_server_id}") return { config: { mcp_server_type: "streamable_http" } };
  return body;
};

/** Calls an operation as a project, with the ids of `things` as parameters. @returns status and text, without the ids */
async function ask(project: string, operation: Operation, things: Belongings): Promise<string> {
  const { method, path, requiredQuery, isUpload } = operation;
  const query = requiredQuery.map((name) => `${name}=${things[name] ?? "x"}`).join("&");
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => things[name] ?? "unknown");
  const form = new FormData();
  form.append("file", new File(["x"], "x.txt", { type: "text/plain" }));
  const body = isUpload ? form : JSON.stringify(fullerBody(operation));
  const send = () =>
    fetch(`${letta.urls.gateway}${filled}?${query}`, {
      method,
      headers: {
        authorization: `Bearer ${letta.projects[project]?.token}`,
        ...(isUpload ? {} : { "content-type": "application/json" }),
      },
      ...(method === "GET" ? {} : { body }),
      redirect: "manual",
    });
  let response = await send();
  // 429: a sweep exceeds a project's share. 502: Letta closes a connection after answering 500.
  for (let tries = 0; tries < 10 && [429, 502].includes(response.status); tries++) {
    await delay(300);
    response = await send();
  }
  const text = await response.text();
  return `${response.status} ${Object.entries(things).reduce((rest, [name, id]) => rest.replaceAll(id, name), text)}`;
}

describe("another project's objects", () => {
  /** Cancelling reveals the id of the agent's last run, which opens nothing, and fails. */
  const tellsRuns = "POST /v1/agents/{agent_id}/messages/cancel";

  test("exist, and the project itself can read them", async () => {
    expect(Object.entries(owned).filter(([, id]) => id === "missing")).toEqual([]);
    expect(await everythingListed(as("second"))).toContain(word);
    const own = all.filter(({ method, path }) => method === "GET" && /^\/v1\/[a-z-]+\/\{\w+\}$/.test(path));
    const answers = await Promise.all(
      own.map(async (operation) => [operation.path, await ask("second", operation, owned)]),
    );
    const found = answers.filter(([, answer]) => answer?.startsWith("200")).map(([path]) => path);
    expect(found).toEqual(
      expect.arrayContaining(
        ["agent", "archive", "block", "conversation", "folder", "group", "identity", "job", "mcp_server", "message"]
          .concat("run", "source", "step", "tool")
          .map((kind) => expect.stringContaining(`{${kind}_id}`)),
      ),
    );
  });

  test.each(["thoth", "third"])("look to %s as if they did not exist, on every route", async (project) => {
    const before = await everythingListed(as("second"));
    const ofThings = all.filter(({ path }) => path.includes("{"));
    expect(ofThings.length).toBeGreaterThan(130);
    const different: string[] = [];
    for (const operation of ofThings) {
      const name = `${operation.method} ${operation.path}`;
      const answer = await ask(project, operation, owned);
      if (/^40[134] /.test(answer) || name === tellsRuns) continue;
      // For some missing objects Letta answers with an empty list, or with another error.
      if (answer !== (await ask(project, operation, nowhere))) different.push(`${name}: ${answer.slice(0, 300)}`);
    }
    expect(different).toEqual([]);
    expect(await everythingListed(as("second"))).toBe(before);
  });

  test.each(["thoth", "third"])("are on no list of %s", async (project) => {
    expect(await everythingListed(as(project))).not.toContain(word);
  });

  test("cannot be reached through one's own agent", async () => {
    const agent_id = await createAgent(as("third"), model.port);
    // A tool rule may contain any name.
    const mixed = { ...owned, agent_id, tool_name: "other" };
    const ofOwnAgent = all.filter(({ path }) => /^\/v1\/agents\/\{agent_id\}\/.*\{/.test(path));
    for (const operation of ofOwnAgent) await ask("third", operation, mixed);
    expect(await stateOf(agent_id)).not.toContain(word);
  });

  test("cannot be attached to a new agent", async () => {
    const agent_id = await createAgent(as("third"), model.port);
    const { block_id, source_id, tool_id, identity_id } = owned;
    const wanted = { block_ids: [block_id], source_ids: [source_id], tool_ids: [tool_id], identity_ids: [identity_id] };
    for (const [name, ids] of Object.entries(wanted)) {
      await tryJson("PATCH", `/v1/agents/${agent_id}`, { [name]: ids });
      const made = await tryJson("POST", "/v1/agents/", { ...bareAgent(model.port), [name]: ids });
      if (made !== undefined) expect(await stateOf(made.id), name).not.toContain(word);
    }
    expect(await stateOf(agent_id)).not.toContain(word);
  });

  /** Everything that Letta says about an agent of the third project. */
  async function stateOf(agent: string): Promise<string> {
    const parts = ["", "/core-memory", "/tools", "/folders", "/files", "/context", "/archival-memory"];
    const texts = parts.map(async (part) =>
      (await lettaFetch(as("third"), "GET", `/v1/agents/${agent}${part}`)).text(),
    );
    return (await Promise.all(texts)).join("\n");
  }

  const tryJson = (method: string, path: string, body: unknown) =>
    lettaJson<{ id: string }>(as("third"), method, path, body).catch((error: unknown) => {
      if (error instanceof LettaApiError) return undefined;
      throw error;
    });
});

describe("identity", () => {
  const token = (project: string) => `Bearer ${letta.projects[project]?.token}`;
  const agents = async (headers: Record<string, string | string[]>, path = "/v1/agents/") =>
    rawRequest(letta.urls.gateway, path, { headers });

  test("comes from the token alone, whatever other headers say", async () => {
    const user = letta.projects.second?.user ?? "";
    const others = ["user_id", "user-id", "x-user-id", "x-organization-id", "x-project-id"];
    for (const name of others) {
      const { status, body } = await agents({ authorization: token("third"), [name]: user });
      expect([status, body.includes(word)], name).toEqual([200, false]);
    }
    const bare = {
      authorization: token("third"),
      "x-bare-password": `password ${letta.serverPassword}`,
      user_id: user,
    };
    expect((await agents(bare)).body).not.toContain(word);
  });

  test("is logged as the project's name, without token and query", async () => {
    await agents({ authorization: token("third") }, `/v1/agents/?name=query-${word}`);
    const { stdout, stderr } = await stacks.engine(["logs", "--tail", "200", `${stacks.letta}-nginx`]);
    expect(stdout).toContain('project=third "GET /v1/agents/" 200');
    for (const secret of [letta.projects.third?.token ?? "", letta.serverPassword, `query-${word}`]) {
      expect(`${stdout}${stderr}`).not.toContain(secret);
    }
  });

  test("that the database does not know, after a restore, is refused with 503: nothing of it is gone for good", async () => {
    const unknown = { ...(await stacks.lettaEndpoint()), user: `user-${randomUUID()}` };
    await expect(lettaFetch(unknown, "GET", "/v1/agents/")).rejects.toMatchObject({ status: 503 });
  });

  test("is not visible in docker inspect", async () => {
    const { stdout } = await stacks.engine(["inspect", `${stacks.letta}-nginx`]);
    const tokens = Object.values(letta.projects).map((project) => project.token);
    for (const secret of [...tokens, letta.serverPassword]) expect(stdout).not.toContain(secret);
  });
});

describe("a project that sends too many requests", () => {
  test("gets its share of concurrent runs, and no other project waits for it", async () => {
    const gate = Promise.withResolvers<void>();
    const held = await startScriptedModel({ host: "0.0.0.0", beforeWord: () => gate.promise });
    const agents = await Promise.all(Array.from({ length: 10 }, () => createAgent(as("third"), held.port)));
    const run = (agent: string | undefined) =>
      rawRequest(letta.urls.gateway, `/v1/agents/${agent}/messages/stream`, {
        method: "POST",
        headers: { authorization: `Bearer ${letta.projects.third?.token}`, "content-type": "application/json" },
        body: JSON.stringify({ messages: [{ role: "user", content: "hello" }], stream_tokens: true }),
      });
    const running = agents.slice(0, 9).map(run);
    await expect.poll(() => held.requests.length, { timeout: 120_000 }).toBe(9);

    const refused = await run(agents[9]);
    expect([refused.status, headerValues(refused, "retry-after"), JSON.parse(refused.body)]).toEqual([
      429,
      [expect.stringMatching(/^\d+$/)],
      { detail: expect.stringContaining("projectLimits") },
    ]);
    expect((await lettaFetch(as("third"), "GET", "/v1/agents/")).status).toBe(200);
    await say(as("second"), await createAgent(as("second"), model.port), "hello");

    gate.resolve();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual(Array(9).fill(200));
    expect((await run(agents[9])).status).toBe(200);
    await held.close();
  });

  test("gets its share of concurrent requests, and a Retry-After for the rest", async () => {
    const headers = { authorization: `Bearer ${letta.projects.third?.token}` };
    const ask = () => rawRequest(letta.urls.gateway, "/v1/agents/?limit=1", { headers });
    const answers = await Promise.all(Array.from({ length: 200 }, ask));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    const refused = answers.find(({ status }) => status === 429);
    expect(headerValues(refused ?? (answers[0] as RawResponse), "retry-after")).toEqual(["1"]);
    expect((await lettaFetch(as("second"), "GET", "/v1/agents/?limit=1")).status).toBe(200);
  });
});

test("adding a project restarts nothing and cuts no running stream", async () => {
  const before = await serving();
  const gate = Promise.withResolvers<void>();
  const held = await startScriptedModel({
    host: "0.0.0.0",
    beforeWord: (said) => (said === " after" ? gate.promise : Promise.resolve()),
  });
  const agent = await createAgent(as("second"), held.port);
  const words: string[] = [];
  const streaming = (async () => {
    for await (const event of stream(as("second"), agent, "before after", { timeoutSeconds: 570 })) {
      if (event.message_type === "assistant_message") words.push(event.content ?? "");
    }
  })();
  await expect.poll(() => words.at(-1), { timeout: 120_000 }).toBe(" before");

  stacks.configure(stacks.letta, { projects: ["thoth", "second", "third", "fourth"] });
  await stacks.up(stacks.letta);
  expect(await lettaJson(await stacks.projectEndpoint("fourth"), "GET", "/v1/agents/")).toEqual([]);
  gate.resolve();
  await streaming;
  expect(words.at(-1)).toBe(" after");
  expect(await serving()).toEqual(before);
  await held.close();
});

/** All containers except those of the backup, which restart with each new project. */
async function serving() {
  const all = Object.entries(await stacks.containers(stacks.letta));
  return Object.fromEntries(all.filter(([name]) => !/-(backup|drill)$/.test(name)));
}
