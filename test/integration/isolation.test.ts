import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta-api.ts";
import type { LettaStack } from "../../scripts/lib/stacks.ts";
import { type OpenApi, type Operation, operations } from "../support/openapi.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import { type Belongings, everythingListed, populate } from "../support/tenant.ts";

const stacks = sharedStacks();
/** In everything that the project has: its organization is found again by a later run. */
const word = `secret_${randomBytes(4).toString("hex")}`;
let letta: LettaStack;
let model: ScriptedModel;
let owned: Belongings;
let all: Operation[];

beforeAll(async () => {
  stacks.configure(stacks.letta, { projects: ["thoth", "second", "third"] });
  await stacks.up(stacks.letta);
  letta = await stacks.lettaOutputs();
  model = await startScriptedModel({ host: "0.0.0.0" });
  owned = await populate(as("second"), { modelPort: model.port, mcpUrl: `http://${stacks.thoth}-mcp:8001/mcp`, word });
  owned = { ...owned, job_id: await makeJob(letta.users.second ?? "") };
  all = operations(await lettaJson<OpenApi>(await stacks.lettaEndpoint(), "GET", "/openapi.json"));
}, 300_000);

afterAll(async () => {
  await model.close();
  stacks.configure(stacks.letta, { projects: ["thoth"] });
  await stacks.up(stacks.letta);
});

/** Letta itself makes jobs only of batches, at a provider that is not here. */
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

const as = (project: string): LettaEndpoint => ({ url: letta.urls.sse, password: letta.tokens[project] ?? "" });

/** Asks as a project for something of `things`; a path's parameters come from there. */
async function ask(
  project: string,
  operation: Operation,
  things: Belongings,
): Promise<{ status: number; text: string }> {
  const { method, path, requiredQuery, isUpload, body } = operation;
  const query = requiredQuery.map((name) => `${name}=${things[name] ?? "x"}`).join("&");
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => things[name] ?? "unknown");
  const form = new FormData();
  form.append("file", new File(["x"], "x.txt", { type: "text/plain" }));
  const response = await fetch(`${letta.urls.sse}${filled}?${query}`, {
    method,
    headers: {
      authorization: `Bearer ${letta.tokens[project]}`,
      ...(isUpload ? {} : { "content-type": "application/json" }),
    },
    ...(isUpload ? { body: form } : body === undefined || method === "GET" ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(20_000),
    redirect: "manual",
  });
  return { status: response.status, text: await response.text() };
}

describe("what another project has", () => {
  test("is there, and the project itself gets it", async () => {
    expect(Object.entries(owned).filter(([, id]) => id === "missing")).toEqual([]);
    expect(await everythingListed(as("second"))).toContain(word);
  });

  test.each(["thoth", "third"])("is not found by %s, whichever route it takes", async (project) => {
    const ofThings = all.filter(({ path }) => path.includes("{"));
    const answers: string[] = [];
    for (const operation of ofThings) {
      const { status, text } = await ask(project, operation, owned);
      if (![401, 403, 404].includes(status))
        answers.push(`${operation.method} ${operation.path}: ${status} ${text.slice(0, 160)}`);
    }
    expect(answers).toEqual([]);
  });

  test.each(["thoth", "third"])("is on no list of %s", async (project) => {
    expect(await everythingListed(as(project))).not.toContain(word);
  });
});
