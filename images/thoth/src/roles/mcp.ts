import { createHash, timingSafeEqual } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { ABOUT } from "../config.ts";
import { EMBEDDING_NOTE } from "../embedding.ts";
import type { Papers } from "../papers.ts";
import { HttpError } from "../server.ts";
import type { RoleSetup } from "./context.ts";

/**
 * The MCP server, at `/mcp` over streamable HTTP, without sessions: no client notices a restart. The thoth stack registers it
 * in Letta, for Thoth and the stand-in alike.
 */
export const setUpMcp: RoleSetup = ({ server, papers, config, log }) => {
  if (config.mcpServiceToken === undefined) log.warn("THOTH_MCP_SERVICE_TOKEN is not set: /mcp answers everyone");
  server.post("/mcp", async (request, reply) => {
    const isOpen = config.isFaithful && config.mcpAuthToken === undefined;
    refuseStrangers(request, isOpen ? undefined : config.mcpServiceToken);
    const mcp = createMcpServer(papers);
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    reply.raw.once("close", () => void mcp.close());
    reply.hijack();
    // With exactOptionalPropertyTypes the class does not match its own interface.
    await mcp.connect(transport as Transport);
    await transport.handleRequest(request.raw, reply.raw, request.body);
  });
  // Without sessions there is no stream to open or delete.
  server.route({
    method: ["GET", "DELETE"],
    url: "/mcp",
    handler: (_request, reply) => reply.code(405).header("allow", "POST").send({ error: "POST is the only method" }),
  });
  return undefined;
};

/** Refuses browsers, which send an Origin: no MCP client is one, but a page after DNS rebinding is. */
function refuseStrangers(request: FastifyRequest, token: string | undefined): void {
  if (request.headers.origin !== undefined) throw new HttpError(403, "requests from web pages are refused");
  if (token !== undefined && !carriesToken(request.headers.authorization, token)) {
    throw new HttpError(401, "the service token is missing or wrong");
  }
}

/** Whether an Authorization header carries the token, in constant time. */
function carriesToken(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const given = /^Bearer\s+(\S+)\s*$/i.exec(header ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(given), digest(token));
}

function createMcpServer(papers: Papers): McpServer {
  const mcp = new McpServer(
    { name: "thoth-stand-in", title: "Thoth (stand-in)", version: ABOUT.version },
    { instructions: `${ABOUT.notice} Its tools read the papers of the vault.` },
  );
  mcp.registerTool(
    "search_papers",
    {
      description: `Finds papers that share words with a query, the nearest first. ${EMBEDDING_NOTE.note}`,
      inputSchema: { query: z.string().min(1).max(2000), limit: z.number().int().min(1).max(50).default(10) },
    },
    async ({ query, limit }) => asText({ embedding: EMBEDDING_NOTE, papers: await papers.search(query, limit) }),
  );
  mcp.registerTool(
    "get_paper",
    { description: "Gives one paper with its text.", inputSchema: { id: z.uuid() } },
    async ({ id }) => asText((await papers.get(id)) ?? { error: "there is no such paper" }),
  );
  mcp.registerTool(
    "list_papers",
    {
      description: "Lists the papers of the vault, the newest first.",
      inputSchema: { limit: z.number().int().min(1).max(200).default(50), offset: z.number().int().min(0).default(0) },
    },
    async ({ limit, offset }) => asText({ papers: await papers.list(limit, offset) }),
  );
  return mcp;
}

function asText(value: unknown) {
  return { content: [{ type: "text" as const, text: JSON.stringify(value) }] };
}
