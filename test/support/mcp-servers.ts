import { type LettaEndpoint, lettaJson } from "../../infra/lib/letta/api.ts";

/** An MCP server as Letta lists it. */
type McpServer = { id: string; server_name: string; server_url: string; custom_headers: Record<string, string> };
type McpTool = { id: string; name: string };

/** Every MCP server of that name that Letta knows. */
export async function mcpServers(endpoint: LettaEndpoint, name: string): Promise<McpServer[]> {
  const servers = await lettaJson<McpServer[]>(endpoint, "GET", "/v1/mcp-servers/");
  return servers.filter((server) => server.server_name === name);
}

/** The tools that Letta has read from an MCP server. */
export function mcpTools(endpoint: LettaEndpoint, server: McpServer): Promise<McpTool[]> {
  return lettaJson<McpTool[]>(endpoint, "GET", `/v1/mcp-servers/${server.id}/tools`);
}
