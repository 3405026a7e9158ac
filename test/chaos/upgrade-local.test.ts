import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { inspectContainer } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import type { Outcome } from "../../scripts/upgrade/change.ts";
import { createAgent, stream } from "../support/conversation.ts";
import { removeProject } from "../support/engine-objects.ts";
import { agentIds, populateLetta } from "../support/letta-agents.ts";
import { headerValues, rawRequest } from "../support/raw-request.ts";
import { type ScriptedModel, startScriptedModel } from "../support/scripted-model.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded, type TestProject } from "../support/stacks.ts";
import {
  deriveLetta,
  derivePostgres,
  failingMigration,
  outsideRehearsal,
  removeDerived,
  upgradeOf,
} from "../support/upgrades.ts";

/**
 * Between images that are built here on the local Letta, each with one more migration. The real releases are for the
 * suite "chaos": building one takes minutes.
 */
let project: TestProject;
let model: ScriptedModel;
let endpoint: LettaEndpoint;
let agents: string[];
let speak: (() => void) | undefined;
let images: { works: string; fails: string };

beforeAll(async () => {
  model = await startScriptedModel({
    host: "0.0.0.0",
    beforeWord: (word) =>
      word.includes("held") ? new Promise<void>((resolve) => (speak = resolve)) : Promise.resolve(),
  });
  // What is derived here is built on this machine.
  project = await ownProject({ letta: { images: "local" } });
  const up = project.up(project.letta);
  images = {
    works: await deriveLetta({ name: "works", migration: `op.execute("alter table agents add column test text")` }),
    fails: await deriveLetta({ name: "fails", migration: outsideRehearsal(failingMigration) }),
  };
  await up;
  endpoint = await project.lettaEndpoint();
  agents = await populateLetta(endpoint, model.port, 2);
});
afterAll(async () => {
  await model.close();
  removeProject(project.suffix);
  await removeDerived();
});

const upgrade = (...args: string[]) => upgradeOf(project, args);
const ask = async (method: string, path: string) => {
  const { url, password } = await project.projectEndpoint();
  return rawRequest(url, path, { method, headers: { authorization: `Bearer ${password}` } });
};
const columns = () =>
  project.psql("select column_name from information_schema.columns where column_name like 'test%'", "letta");
const serverImage = async () => (await inspectContainer(`${project.letta}-server`))?.Config.Image;

describe("a migration that fails", () => {
  let result: Outcome;
  let before: string | undefined;
  beforeAll(async () => {
    before = await serverImage();
    result = await upgrade("--to", images.fails);
  });

  test("returns to the old version without a command, and the result says why", () => {
    expect(result).toMatchObject({
      result: "returned",
      problem: expect.stringContaining("the test's migration fails"),
      point: expect.stringMatching(/^before-upgrade-\d{14}$/),
      kept: [expect.stringMatching(/^letta_failed_\d{14}$/)],
    });
  });

  test("leaves nothing of what it had done: neither in the schema nor in an agent", async () => {
    expect(await columns()).toBe("");
    expect(await project.psql("select count(*) from agents where system = 'overwritten'", "letta")).toBe("0");
    expect(await agentIds(endpoint)).toEqual(agents);
  });

  test("leaves the config, the image and the gateway as they were", async () => {
    expect(project.configured(project.letta, "lettaVersion")).toBeUndefined();
    expect(await serverImage()).toBe(before);
    expect((await ask("POST", "/v1/agents/none/messages")).status).toBe(422);
  });
});

describe("an upgrade while a run is at work", () => {
  let running: Promise<string>;
  let result: Promise<Outcome>;
  beforeAll(async () => {
    running = collect(await createAgent(endpoint, model.port));
    await vi.waitFor(() => expect(speak).toBeDefined(), { timeout: 30_000 });
    result = upgrade("--to", images.works);
    const isDrained = async () => expect((await ask("POST", "/v1/agents/none/messages")).status).toBe(503);
    await vi.waitFor(isDrained, { timeout: 300_000, interval: 200 });
  });

  test("keeps new runs out and says when to try again, while reads still work", async () => {
    const refused = await ask("POST", `/v1/agents/${agents[0]}/messages/stream`);
    expect(refused.status).toBe(503);
    expect(headerValues(refused, "retry-after")).toEqual(["10"]);
    expect((await ask("GET", "/v1/agents/count")).status).toBe(200);
  });

  test("lets that run finish", async () => {
    speak?.();
    expect(await running).toContain("held");
  });

  test("ends with the new version, every agent in it, and clients let in", async () => {
    expect(await result).toMatchObject({ result: "done", kept: [] });
    expect(await serverImage()).toBe(images.works);
    expect(await columns()).toBe("test");
    expect(await agentIds(endpoint)).toEqual(expect.arrayContaining(agents));
    expect((await ask("POST", "/v1/agents/none/messages")).status).toBe(422);
  });

  test("leaves nothing behind, and a stack without anything to do for a preview", async () => {
    expect(await project.psql("select datname from pg_database where datname like 'letta_before%'")).toBe("");
    expect(
      (await project.engine(["ps", "--all", "--filter", `name=${project.letta}-rehearsal`, "--quiet"])).stdout,
    ).toBe("");
    succeeded(await project.pulumi(["preview", "--expect-no-changes", "--stack", project.letta]));
  });

  /** A conversation whose answer the model holds back at its second word. */
  async function collect(agent: string): Promise<string> {
    const said: string[] = [];
    for await (const { content } of stream(endpoint, agent, "held", { timeoutSeconds: 900 })) said.push(content ?? "");
    return said.join("");
  }
});

test("another image of the same Postgres reads the same data", async () => {
  const image = await derivePostgres("own");
  expect(await upgrade("--postgres", image)).toMatchObject({ result: "done", kept: [] });
  expect((await inspectContainer(`${project.letta}-postgres`))?.Config.Image).toBe(image);
  expect(await agentIds(endpoint)).toEqual(expect.arrayContaining(agents));
});
