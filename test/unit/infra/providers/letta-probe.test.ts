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
    ...["GET /v1/models/", "GET /v1/blocks/", "POST /v1/blocks/", "GET /v1/blocks/blocks-1"],
    ...["DELETE /v1/blocks/blocks-1", "GET /v1/agents/", "POST /v1/agents/"],
    ...["POST /v1/agents/agents-1/messages/stream", "DELETE /v1/agents/agents-1"],
  ]);
  expect(imitation.left()).toEqual([]);
});

describe("refuses a Letta that is healthy but does not work, and still deletes what it created", () => {
  const stream = "POST /v1/agents/:id/messages/stream";
  const broken = () => ({ status: 500, body: "broken" });
  const away = () => ({ status: 503, body: "Redis is not available" });
  const failing = { "GET /v1/models/": broken, "POST /v1/blocks/": broken, "POST /v1/agents/": broken };
  test.each<[string[], Routes]>([
    [["background: POST /v1/agents/agents-1/messages/stream: HTTP 503 Redis is not available"], { [stream]: away }],
    [["background: a background run gave no event: "], { [stream]: () => ({ body: "" }) }],
    [
      ["database: a block read back differs from what was written"],
      { "GET /v1/blocks/:id": () => ({ body: { value: "another" } }) },
    ],
    // Each with its own reason
    [
      ["models: GET /v1/models/", "database: POST /v1/blocks/", "background: POST /v1/agents/"].map(
        (step) => `${step}: HTTP 500 broken`,
      ),
      failing,
    ],
  ])("%j", async (problems, routes) => {
    const imitation = await letta(routes);
    await expect(provider.create(inputsFor(imitation))).rejects.toThrow(
      new UserError(
        `Letta at ${imitation.url} answers its health check but does not work:\n    ${problems.join("\n    ")}`,
        "make letta-status, make letta-logs; then make letta-start",
      ),
    );
    expect(imitation.left()).toEqual([]);
  });

  test("nothing listening, or another password", async () => {
    const nowhere = { url: "http://127.0.0.1:1", password: "", trigger: "1" };
    await expect(provider.create(nowhere)).rejects.toThrow(/models: fetch failed/);
    const stranger = { ...inputsFor(await letta()), password: "another" };
    await expect(provider.create(stranger)).rejects.toThrow("models: GET /v1/models/: HTTP 401");
  });
});

test("leftovers of killed probes are deleted, but nothing of a running probe or of anyone else", async () => {
  const deleted: string[] = [];
  const remember = ({ id }: { id: string }) => ({ body: deleted.push(id) });
  const old = { created_at: "2020-01-01T00:00:00Z" };
  const young = { created_at: new Date().toISOString() };
  const label = "thoth-letta-probe";
  const imitation = await letta({
    // As from a server that answers with everything, whatever the query.
    "GET /v1/blocks/": ({ query }) => ({
      body: query === `?label=${label}` && [
        { id: "old", label, ...old },
        { id: "young", label, ...young },
        { id: "ageless", label },
        { id: "persona", label: "persona", ...old },
      ],
    }),
    "DELETE /v1/blocks/:id": remember,
    "GET /v1/agents/": ({ query }) => ({
      body: query === `?tags=${label}` && [
        { id: "old-agent", name: `${label}-1`, ...old },
        { id: "young-agent", name: `${label}-2`, ...young },
        { id: "assistant", name: "assistant", ...old },
      ],
    }),
    "DELETE /v1/agents/:id": remember,
  });
  await provider.create(inputsFor(imitation));
  expect(deleted).toEqual(["old", "blocks-1", "old-agent", "agents-1"]);
});

test("diff shows another trigger or URL", async () => {
  const inputs = { url: "http://127.0.0.1:1", password: "a", trigger: "1" };
  const diff = (changed: object) => provider.diff?.("id", inputs, { ...inputs, ...changed });
  expect(await diff({})).toEqual({ changes: false });
  expect(await diff({ trigger: "2" })).toEqual({ changes: true });
  expect(await diff({ url: "http://127.0.0.1:2" })).toEqual({ changes: true });
});

test("update probes again", async () => {
  const imitation = await letta();
  const inputs = inputsFor(imitation);
  expect(await provider.update?.("id", inputs, inputs)).toEqual({ outs: inputs });
  expect(imitation.requests).toContain("POST /v1/agents/agents-1/messages/stream");
});
