import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { z } from "zod";
import { AgentKeeper } from "../agent-keeper.ts";
import type { Config } from "../config.ts";
import { EMBEDDING_NOTE } from "../embedding.ts";
import { LettaServer } from "../letta.ts";
import { describeError } from "../log.ts";
import { HttpError } from "../server.ts";
import { checkFolder } from "../vault.ts";
import type { RoleContext, RoleSetup } from "./context.ts";

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  offset: z.coerce.number().int().min(0).default(0),
});
const searchQuery = z.object({
  q: z.string().trim().min(1).max(2000),
  limit: z.coerce.number().int().min(1).max(50).default(10),
});
const paperParams = z.object({ id: z.uuid() });
const chatBody = z.object({ message: z.string().trim().min(1).max(100_000) });

/** The API: papers, search, settings, and conversations with the assistant's agent in Letta. */
export const setUpApi: RoleSetup = (context) => {
  const { config, health } = context;
  // parseConfig requires it for this role.
  const letta = new LettaServer(config.lettaUrl as string, config.isFaithful ? undefined : config.lettaToken, {
    model: config.agentModel,
    embedding: config.agentEmbedding,
  });
  const keeper = new AgentKeeper(config.agentName, letta, context.database, context.log);
  health.dependsOn("letta", async () => {
    await letta.ping();
    keeper.check();
  });
  health.dependsOn("vault", () => checkFolder(config.vault));
  health.warns(() => (keeper.state.state === "waiting" ? `agent waiting: ${keeper.state.reason}` : undefined));
  addPaperRoutes(context);
  addSettingsRoute(context);
  addAgentRoutes(context, letta, keeper);
  return (signal) => keeper.run(signal, config.isFaithful);
};

function addPaperRoutes({ server, papers }: RoleContext): void {
  server.get("/papers", async (request) => {
    const { limit, offset } = listQuery.parse(request.query);
    return { papers: await papers.list(limit, offset) };
  });
  server.get("/papers/:id", async (request) => {
    const paper = await papers.get(paperParams.parse(request.params).id);
    if (!paper) throw new HttpError(404, "there is no such paper");
    return paper;
  });
  server.get("/search", async (request) => {
    const { q, limit } = searchQuery.parse(request.query);
    return { query: q, embedding: EMBEDDING_NOTE, papers: await papers.search(q, limit) };
  });
}

function addSettingsRoute({ server, config }: RoleContext): void {
  server.get("/settings", async () => ({
    vault: config.vault,
    settingsFile: { path: config.settingsFile, ...(await describeSettingsFile(config.settingsFile)) },
    letta: { url: withoutCredentials(config.lettaUrl), hasToken: config.lettaToken !== undefined },
    mcp: { url: withoutCredentials(config.mcpUrl), hasToken: config.mcpServiceToken !== undefined },
    agent: { name: config.agentName, model: config.agentModel ?? null, embedding: config.agentEmbedding ?? null },
    apiKeys: config.apiKeys,
  }));
}

function addAgentRoutes({ server }: RoleContext, letta: LettaServer, keeper: AgentKeeper): void {
  server.get("/agent", () => ({ name: keeper.name, ...keeper.state }));
  server.post("/chat", async (request, reply) => {
    const { message } = chatBody.parse(request.body);
    const { state } = keeper;
    if (state.state !== "ready") throw new HttpError(503, `the agent is not ready: ${state.reason}`);
    const stop = new AbortController();
    const answer = await letta.converse(state.id, message, stop.signal).catch((error: unknown) => {
      throw new HttpError(502, `Letta refused the message: ${describeError(error)}`);
    });
    // If the caller disconnects, closing the connection tells Letta to stop.
    reply.raw.once("close", () => stop.abort());
    return reply
      .header("content-type", "text/event-stream; charset=utf-8")
      .header("cache-control", "no-cache")
      .header("x-accel-buffering", "no")
      .send(Readable.from(asEvents(answer)));
  });
}

/** Turns an answer into server-sent events, with a last one for how it ended. */
async function* asEvents(answer: AsyncIterable<unknown>): AsyncGenerator<string> {
  try {
    for await (const piece of answer) yield `data: ${JSON.stringify(piece)}\n\n`;
    yield "event: done\ndata: {}\n\n";
  } catch (error) {
    // The status line was sent; only an event can report it.
    yield `event: error\ndata: ${JSON.stringify({ error: describeError(error) })}\n\n`;
  }
}

/** Lists the sections of the settings file but no values: Thoth keeps keys in it. */
async function describeSettingsFile(path: Config["settingsFile"]): Promise<{ state: string; sections: string[] }> {
  try {
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return { state: "read", sections: Object.keys(z.record(z.string(), z.unknown()).parse(content)) };
  } catch (error) {
    const isAbsent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { state: isAbsent ? "absent" : "not readable as a JSON object", sections: [] };
  }
}

function withoutCredentials(text: string | undefined): string | null {
  if (text === undefined) return null;
  const url = new URL(text);
  url.username = "";
  url.password = "";
  return url.href;
}
