import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { dockerOutput, inspectContainer, runIn } from "../lib/docker/engine.ts";
import { UserError } from "../lib/errors.ts";
import { LettaApiError, type LettaEndpoint, lettaJson } from "../lib/letta/api.ts";

/** Inputs of the McpRegistration resource. */
export interface McpRegistrationInputs {
  /** Letta as this host reaches it. */
  readonly lettaUrl: string;
  readonly lettaPassword: string;
  /** PEM of the certificate that the server of an https URL must present. */
  readonly lettaCertificate?: string;
  /** The name by which Letta's agents see the server. */
  readonly serverName: string;
  /** The MCP endpoint as the Letta server reaches it. */
  readonly mcpUrl: string;
  readonly token: string;
  /** Any text; Letta reads the tools again when it changes. */
  readonly trigger: string;
  /** Docker name of the container that gives the tools to agents, when it starts. */
  readonly toolsUser: string;
  /** In that container, the file whose appearance starts what gives the tools; default: the container starts later. */
  readonly startsWith?: string;
}

/** An MCP server as Letta lists it. */
interface RegisteredServer {
  readonly id: string;
  readonly server_name: string;
  readonly server_url?: string;
}

/**
 * Thoth's MCP server in Letta: registered once, fixed when its URL or token changed or when Letta has lost it or its tools.
 *
 * Letta knows a tool by its name alone: when another registration of the same server goes, its tools go from this one and from
 * every agent. They are read again, and Thoth restarts to give them to its agents.
 *
 * Deleting the resource leaves the registration: Letta would delete the server's tools with it and take them from every
 * agent that has them, and destroying and recreating a thoth stack is routine.
 */
const provider = convergingProvider<McpRegistrationInputs, object>({
  id: (inputs) => inputs.serverName,
  isCurrent: async (olds, news) =>
    haveSame(olds, news, ["serverName", "mcpUrl", "token", "trigger"]) && (await isRegistered(news)),
  ensure: register,
});
export default provider;

/** Letta asks the MCP server before it answers, which is slow while Thoth starts on a busy machine, and writes each tool. */
const patience = { timeoutSeconds: 120 };

const endpointOf = (inputs: McpRegistrationInputs): LettaEndpoint => ({
  url: inputs.lettaUrl,
  password: inputs.lettaPassword,
  ...(inputs.lettaCertificate === undefined ? {} : { certificate: inputs.lettaCertificate }),
});

async function findServer(inputs: McpRegistrationInputs): Promise<RegisteredServer | undefined> {
  const servers = await lettaJson<RegisteredServer[]>(endpointOf(inputs), "GET", "/v1/mcp-servers/");
  return servers.find((server) => server.server_name === inputs.serverName);
}

async function isRegistered(inputs: McpRegistrationInputs): Promise<boolean> {
  try {
    const server = await findServer(inputs);
    return server?.server_url === inputs.mcpUrl && (await toolsOf(inputs, server)) > 0;
  } catch {
    return false;
  }
}

/** How many tools Letta has read of the server. */
async function toolsOf(inputs: McpRegistrationInputs, { id }: RegisteredServer): Promise<number> {
  return (await lettaJson<unknown[]>(endpointOf(inputs), "GET", `/v1/mcp-servers/${id}/tools`)).length;
}

async function register(inputs: McpRegistrationInputs): Promise<void> {
  const endpoint = endpointOf(inputs);
  const config = {
    mcp_server_type: "streamable_http",
    server_url: inputs.mcpUrl,
    // A header rather than auth_token: Letta 0.16.8 does not store a changed auth_token of a streamable_http server.
    custom_headers: { Authorization: `Bearer ${inputs.token}` },
  };
  const change = (body: object, method: string, path: string) =>
    lettaJson<RegisteredServer>(endpoint, method, path, body, patience);
  const known = await findServer(inputs);
  const isMended = known !== undefined && (await toolsOf(inputs, known)) === 0;
  const server =
    known === undefined
      ? await change({ server_name: inputs.serverName, config }, "POST", "/v1/mcp-servers/")
      : await change({ config }, "PATCH", `/v1/mcp-servers/${known.id}`);
  await readTools(inputs, server);
  if (await letStart(inputs)) return;
  if (isMended && (await inspectContainer(inputs.toolsUser))?.State.Running) {
    await dockerOutput(["restart", inputs.toolsUser]);
  }
}

/** True if what gives the tools has waited for them, and starts now. */
async function letStart({ toolsUser, startsWith }: McpRegistrationInputs): Promise<boolean> {
  if (startsWith === undefined || (await runIn(toolsUser, ["test", "-e", startsWith])) === undefined) return false;
  await dockerOutput(["exec", toolsUser, "touch", startsWith]);
  return true;
}

/** Makes Letta read the server's tools. @throws UserError when it cannot, or finds none */
async function readTools(inputs: McpRegistrationInputs, server: RegisteredServer): Promise<void> {
  const { hostname } = new URL(inputs.mcpUrl);
  const problem = `Letta reads no tools from the MCP server ${inputs.serverName} at ${inputs.mcpUrl}`;
  const fix = `is ${hostname} in thoth-letta:mcpHosts of the letta stack? Else look at the mcp container: make thoth-logs`;
  try {
    await lettaJson(endpointOf(inputs), "PATCH", `/v1/mcp-servers/${server.id}/refresh`, undefined, patience);
  } catch (error) {
    if (error instanceof LettaApiError) throw new UserError(`${problem}: ${error.message}`, fix);
    throw error;
  }
  if ((await toolsOf(inputs, server)) === 0) throw new UserError(problem, fix);
}
