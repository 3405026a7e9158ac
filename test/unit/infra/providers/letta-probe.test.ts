import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import provider from "../../../../infra/providers/letta-probe.ts";
import { type ImitatedLetta, imitatedLetta } from "../../../support/imitated-letta.ts";

type Routes = Parameters<typeof imitatedLetta>[0];

/** An imitation of Letta, in which everything a probe asks for works but for the routes given. */
async function letta(different: Routes = {}): Promise<ImitatedLetta & { readonly left: () => string[] }> {
  const blocks = new Map<string, unknown>();
  const agents = new Map<string, unknown>();
  const store = (kind: string, things: Map<string, unknown>): Routes => ({
    [`GET /v1/${kind}/`]: () => ({ body: [] }),
    [`POST /v1/${kind}/`]: ({ body }) => {
      const thing = { ...(body as object), id: `${kind}-${things.size + 1}` };
      things.set(thing.id, thing);
      return { body: thing };
    },
    [`GET /v1/${kind}/:id`]: ({ id }) => ({ body: things.get(id) }),
    [`DELETE /v1/${kind}/:id`]: ({ id }) => (things.delete(id) ? { body: {} } : { status: 404, body: {} }),
  });
  const imitation = await imitatedLetta({
    "GET /v1/models/": () => ({ body: [{ name: "a" }] }),
    ...store("blocks", blocks),
    ...store("agents", agents),
    "POST /v1/agents/:id/messages/stream": () => ({ body: 'data: {"message_type":"ping"}\n\n' }),
    ...different,
  });
  return { ...imitation, left: () => [...blocks.keys(), ...agents.keys()] };
}

const inputsFor = ({ url, password }: ImitatedLetta) => ({ url, password, trigger: "1" });

test("exists once models, database and background runs work, and leaves nothing behind", async () => {
  const imitation = await letta();
  const inputs = inputsFor(imitation);
  expect(await provider.create(inputs)).toEqual({ id: imitation.url, outs: inputs });
  expect(imitation.requests).toEqual([
    "GET /v1/models/",
    "GET /v1/blocks/",
    "POST /v1/blocks/",
    "GET /v1/blocks/blocks-1",
    "DELETE /v1/blocks/blocks-1",
    "GET /v1/agents/",
    "POST /v1/agents/",
    "POST /v1/agents/agents-1/messages/stream",
    "DELETE /v1/agents/agents-1",
  ]);
  expect(imitation.left()).toEqual([]);
});

describe("refuses a Letta that is healthy but does not work, and still deletes what it created", () => {
  test("its Redis being away", async () => {
    const imitation = await letta({
      "POST /v1/agents/:id/messages/stream": () => ({ status: 503, body: "Redis is not available" }),
    });
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow(
      new UserError(
        `Letta at ${imitation.url} answers its health check but does not work:\n` +
          "    background: POST /v1/agents/agents-1/messages/stream: HTTP 503 Redis is not available",
        "make letta-status, make letta-logs; then make letta-start",
      ),
    );
    expect(imitation.left()).toEqual([]);
  });

  test("a background run ending without an event", async () => {
    const imitation = await letta({ "POST /v1/agents/:id/messages/stream": () => ({ body: "" }) });
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow("background: a background run gave no event");
    expect(imitation.left()).toEqual([]);
  });

  test("its database forgetting what was written", async () => {
    const imitation = await letta({ "GET /v1/blocks/:id": () => ({ body: { value: "another" } }) });
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow(
      "database: a block read back differs from what was written",
    );
    expect(imitation.left()).toEqual([]);
  });

  test("everything failing, each with its own reason", async () => {
    const broken = () => ({ status: 500, body: "broken" });
    const imitation = await letta({
      "GET /v1/models/": broken,
      "POST /v1/blocks/": broken,
      "POST /v1/agents/": broken,
    });
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow(
      [
        "    models: GET /v1/models/: HTTP 500 broken",
        "    database: POST /v1/blocks/: HTTP 500 broken",
        "    background: POST /v1/agents/: HTTP 500 broken",
      ].join("\n"),
    );
  });

  test("another password", async () => {
    const inputs = { ...inputsFor(await letta()), password: "another" };
    await expect(provider.create(inputs)).rejects.toThrow("models: GET /v1/models/: HTTP 401");
  });

  test("nothing listening", async () => {
    const inputs = { url: "http://127.0.0.1:1", password: "", trigger: "1" };
    await expect(provider.create(inputs)).rejects.toThrow(/models: fetch failed/);
  });
});

describe("leftovers of killed probes", () => {
  const longAgo = "2020-01-01T00:00:00Z";
  const now = () => new Date().toISOString();

  test("are deleted, but not what may belong to a running probe", async () => {
    const deleted: string[] = [];
    const remember = ({ id }: { id: string }) => ({ body: deleted.push(id) });
    const imitation = await letta({
      "GET /v1/blocks/": ({ query }) => ({
        body: query === "?label=thoth-letta-probe" && [
          { id: "old", label: "thoth-letta-probe", created_at: longAgo },
          { id: "young", label: "thoth-letta-probe", created_at: now() },
          { id: "ageless", label: "thoth-letta-probe" },
        ],
      }),
      "DELETE /v1/blocks/:id": remember,
      "GET /v1/agents/": ({ query }) => ({
        body: query === "?tags=thoth-letta-probe" && [
          { id: "old-agent", name: "thoth-letta-probe-1", created_at: longAgo },
          { id: "young-agent", name: "thoth-letta-probe-2", created_at: now() },
        ],
      }),
      "DELETE /v1/agents/:id": remember,
    });
    await provider.create(inputsFor(imitation));
    expect(deleted).toEqual(["old", "blocks-1", "old-agent", "agents-1"]);
  });

  test("are all that is deleted, even if the server answers with everything", async () => {
    const deleted: string[] = [];
    const remember = ({ id }: { id: string }) => ({ body: deleted.push(id) });
    const imitation = await letta({
      "GET /v1/blocks/": () => ({ body: [{ id: "persona", label: "persona", created_at: longAgo }] }),
      "DELETE /v1/blocks/:id": remember,
      "GET /v1/agents/": () => ({ body: [{ id: "assistant", name: "assistant", created_at: longAgo }] }),
      "DELETE /v1/agents/:id": remember,
    });
    await provider.create(inputsFor(imitation));
    expect(deleted).toEqual(["blocks-1", "agents-1"]);
  });
});

describe("diff", () => {
  const inputs = { url: "http://127.0.0.1:1", password: "a", trigger: "1" };
  test.each([
    ["the same", {}, false],
    ["another trigger", { trigger: "2" }, true],
    ["another URL", { url: "http://127.0.0.1:2" }, true],
  ])("with %s", async (_, changed, changes) => {
    expect(await provider.diff?.("id", inputs, { ...inputs, ...changed })).toEqual({ changes });
  });
});

test("update probes again", async () => {
  const imitation = await letta();
  const inputs = inputsFor(imitation);
  expect(await provider.update?.("id", inputs, inputs)).toEqual({ outs: inputs });
  expect(imitation.requests).toContain("POST /v1/agents/agents-1/messages/stream");
});
