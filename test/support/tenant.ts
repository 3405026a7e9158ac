import { randomUUID } from "node:crypto";
import { type LettaEndpoint, lettaFetch, lettaJson } from "../../infra/lib/letta/api.ts";
import { bareAgent, createAgent, say } from "./conversation.ts";

/** One of each thing that Letta keeps for a project: the name of a path's parameter -> what stands there. */
export type Belongings = Readonly<Record<string, string>>;
type Thing = { readonly id: string };

/** Makes one of each, on a scripted model of the test's own; `word` is in every text of it. */
export async function populate(
  endpoint: LettaEndpoint,
  { modelPort, mcpUrl, word }: { modelPort: number; mcpUrl: string; word: string },
): Promise<Belongings> {
  const make = async (path: string, body: unknown) => (await lettaJson<Thing>(endpoint, "POST", path, body)).id;
  const first = async (path: string) => (await lettaJson<Thing[]>(endpoint, "GET", path))[0]?.id ?? "missing";
  const { embedding_config } = bareAgent(modelPort);

  const agent_id = await createAgent(endpoint, modelPort);
  const block_id = await make("/v1/blocks/", { label: `label-${word}`, value: `value ${word}` });
  await lettaJson(endpoint, "PATCH", `/v1/agents/${agent_id}/core-memory/blocks/attach/${block_id}`);
  const tool_id = await make("/v1/tools/", { source_code: toolSource(word) });
  await lettaJson(endpoint, "PATCH", `/v1/agents/${agent_id}/tools/attach/${tool_id}`);
  const folder_id = await make("/v1/folders/", { name: `folder-${word}`, embedding_config });
  const archive_id = await make("/v1/archives/", { name: `archive-${word}`, embedding_config });
  const passage_id = await make(`/v1/archives/${archive_id}/passages`, { text: `passage ${word}` });
  const passages = await lettaJson<Thing[]>(endpoint, "POST", `/v1/agents/${agent_id}/archival-memory`, { text: word });
  const identity = { identifier_key: word, name: `identity-${word}`, identity_type: "user" };
  const conversation_id = await make(`/v1/conversations/?agent_id=${agent_id}`, {});
  await say(endpoint, agent_id, `hello ${word}`);
  const run_id = await first(`/v1/runs/?agent_id=${agent_id}`);
  const file_id = await uploadFile(endpoint, folder_id, word);
  const sandbox_config_id = await make("/v1/sandbox-config/local/default", {});
  const variable = { key: "WORD", value: word };

  return {
    ...{ agent_id, block_id, tool_id, folder_id, archive_id, passage_id, conversation_id, file_id },
    ...{ block_label: `label-${word}`, tool_name: `tool_${word}`, memory_id: passages[0]?.id ?? "missing" },
    ...{ source_id: folder_id, folder_name: `folder-${word}`, source_name: `folder-${word}` },
    identity_id: await make("/v1/identities/", identity),
    group_id: await make("/v1/groups/", { agent_ids: [agent_id], description: word }),
    message_id: await first(`/v1/agents/${agent_id}/messages`),
    run_id,
    // Letta 0.16.8 answers its list of steps with 400, whatever it is asked.
    step_id: await first(`/v1/runs/${run_id}/steps`),
    mcp_server_id: await make("/v1/mcp-servers/", mcpServer(mcpUrl, word)),
    ...{ mcp_server_name: `mcp-${word}`, mcp_tool_name: `tool_${word}` },
    provider_id: await make("/v1/providers/", provider(modelPort, word)),
    sandbox_config_id,
    env_var_id: await make(`/v1/sandbox-config/${sandbox_config_id}/environment-variable`, variable),
    ...{ transaction_id: `transaction-${word}`, batch_id: `batch-${randomUUID()}` },
  };
}

const toolSource = (word: string) =>
  `def tool_${word}(text: str) -> str:\n    """\n    Gives a text back.\n\n    Args:\n        text (str): any text\n    """\n    return text\n`;

const mcpServer = (server_url: string, word: string) => ({
  server_name: `mcp-${word}`,
  config: { mcp_server_type: "streamable_http", server_url },
});

const provider = (modelPort: number, word: string) => ({
  name: `provider-${word}`,
  provider_type: "openai",
  api_key: `key-${word}`,
  base_url: `http://host.docker.internal:${modelPort}/v1`,
});

async function uploadFile(endpoint: LettaEndpoint, folder: string, word: string): Promise<string> {
  const body = new FormData();
  body.append("file", new File([`what is in the file of ${word}`], `file-${word}.txt`, { type: "text/plain" }));
  const response = await fetch(`${endpoint.url}/v1/folders/${folder}/upload`, {
    method: "POST",
    headers: { authorization: `Bearer ${endpoint.password}` },
    body,
  });
  if (!response.ok) throw new Error(`upload: HTTP ${response.status} ${await response.text()}`);
  return ((await response.json()) as Thing).id;
}

/** What a project sees of its things: every list, as text. */
export async function everythingListed(endpoint: LettaEndpoint): Promise<string> {
  const texts = await Promise.all(listPaths.map(async (path) => (await lettaFetch(endpoint, "GET", path)).text()));
  return texts.join("\n");
}

const limited = [
  ...["agents/", "archives/", "blocks/", "folders/", "groups/", "identities/", "jobs/", "mcp-servers/", "messages/"],
  ...["messages/batches", "models/", "models/embedding", "providers/", "runs/", "sources/", "tags/", "tools/"],
].map((path) => `/v1/${path}?limit=1000`);
const listPaths = [...limited, "/v1/tools/mcp/servers", "/v1/jobs/active", "/v1/runs/active", "/v1/sandbox-config/"];
