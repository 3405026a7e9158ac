import { randomUUID } from "node:crypto";
import { LettaApiError, type LettaEndpoint, lettaFetch, lettaJson } from "./api.ts";

/** What the probe found out about one thing that Letta depends on. */
export interface ProbeResult {
  readonly check: "models" | "database" | "background";
  readonly ok: boolean;
  /** What answered or what went wrong, for people. */
  readonly detail: string;
}

/**
 * Asks Letta for real work: its health route answers 200 whatever state its database and Redis are in.
 *
 * It deletes everything it creates, including what a killed probe left.
 */
export async function probeLetta(endpoint: LettaEndpoint): Promise<ProbeResult[]> {
  return [
    await check("models", () => listModels(endpoint)),
    await check("database", () => writeAndReadBack(endpoint)),
    await check("background", () => acceptBackgroundRun(endpoint)),
  ];
}

/** Name, tag and label of everything that a probe creates. */
const mark = "thoth-letta-probe";
/** Longer than any probe takes: younger objects may belong to a running one. */
const leftoverSeconds = 600;

/** A block, which has a label, or an agent, which has a name. */
interface Found {
  readonly id: string;
  readonly created_at?: string;
  readonly label?: string;
  readonly name?: string;
}

async function deleteLeftovers(endpoint: LettaEndpoint, path: string, filter: string): Promise<void> {
  const found = await lettaJson<Found[]>(endpoint, "GET", `${path}?${filter}`);
  // Checked again: a Letta that does not know the filter answers with everything.
  const isOurs = ({ label, name }: Found) => label === mark || name?.startsWith(`${mark}-`) === true;
  const isOld = ({ created_at }: Found) =>
    Date.now() - Date.parse(created_at ?? new Date().toISOString()) > leftoverSeconds * 1000;
  for (const { id } of found.filter((one) => isOurs(one) && isOld(one))) {
    await lettaFetch(endpoint, "DELETE", `${path}${id}`).catch(ignoreMissing);
  }
}

/** Another probe may have deleted the object first. */
function ignoreMissing(error: unknown): void {
  if (!(error instanceof LettaApiError && error.status === 404)) throw error;
}

async function check(name: ProbeResult["check"], work: () => Promise<string>): Promise<ProbeResult> {
  try {
    return { check: name, ok: true, detail: await work() };
  } catch (error) {
    return { check: name, ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function listModels(endpoint: LettaEndpoint): Promise<string> {
  const models = await lettaJson<unknown[]>(endpoint, "GET", "/v1/models/");
  return `${models.length} models`;
}

async function writeAndReadBack(endpoint: LettaEndpoint): Promise<string> {
  await deleteLeftovers(endpoint, "/v1/blocks/", `label=${mark}`);
  const value = randomUUID();
  const block = { label: mark, value };
  const { id } = await lettaJson<{ id: string }>(endpoint, "POST", "/v1/blocks/", block);
  try {
    const read = await lettaJson<{ value: string }>(endpoint, "GET", `/v1/blocks/${id}`);
    if (read.value !== value) throw new Error("a block read back differs from what was written");
    return "a block was written and read back";
  } finally {
    await lettaFetch(endpoint, "DELETE", `/v1/blocks/${id}`);
  }
}

/**
 * A model that does not exist: the run is accepted, goes through Redis and fails. It fails at once, since the port is
 * invalid; Letta would retry a refused connection three times.
 */
const noModelUrl = "http://127.0.0.1:none/v1";
const unreachableModel = {
  llm_config: {
    model: "probe",
    model_endpoint_type: "openai",
    model_endpoint: noModelUrl,
    context_window: 8192,
    handle: "probe/probe",
  },
  embedding_config: {
    embedding_model: "probe",
    embedding_endpoint_type: "openai",
    embedding_endpoint: noModelUrl,
    embedding_dim: 8,
  },
};

/** Without a working Redis Letta answers a background run with 503. */
async function acceptBackgroundRun(endpoint: LettaEndpoint): Promise<string> {
  await deleteLeftovers(endpoint, "/v1/agents/", `tags=${mark}`);
  const agent = { name: `${mark}-${randomUUID()}`, tags: [mark], include_base_tools: false, ...unreachableModel };
  const { id } = await lettaJson<{ id: string }>(endpoint, "POST", "/v1/agents/", agent);
  try {
    const response = await lettaFetch(endpoint, "POST", `/v1/agents/${id}/messages/stream`, {
      body: { messages: [{ role: "user", content: "probe" }], background: true, include_pings: true },
      timeoutSeconds: 30,
    });
    // The first event comes from Redis; the rest is the model's error.
    const text = await response.text();
    if (!text.startsWith("data:")) throw new Error(`a background run gave no event: ${text.slice(0, 200)}`);
    return "a background run was accepted";
  } finally {
    await lettaFetch(endpoint, "DELETE", `/v1/agents/${id}`);
  }
}
