import Letta from "@letta-ai/letta-client";
import type { AgentDirectory, AgentModels, AgentSummary } from "./agent.ts";

/** Timeouts per kind of request, in milliseconds. */
const TIMEOUTS = { health: 2000, request: 10_000, create: 60_000, firstAnswer: 120_000 };

/** Every Letta server lists this hosted model; any other one is preferred. */
const HOSTED_PROVIDER = "letta/";

/** The part of Letta's API that the stand-in uses. */
export class LettaServer implements AgentDirectory {
  readonly #client: Letta;
  readonly #wanted: { readonly model: string | undefined; readonly embedding: string | undefined };

  constructor(
    url: string,
    token: string | undefined,
    wanted: { model?: string | undefined; embedding?: string | undefined },
  ) {
    // Callers retry: they know which requests may be sent twice.
    this.#client = new Letta({ baseURL: url, apiKey: token ?? null, maxRetries: 0, timeout: TIMEOUTS.request });
    this.#wanted = { model: wanted.model, embedding: wanted.embedding };
  }

  /** Throws unless Letta answers its health route. */
  async ping(): Promise<void> {
    await this.#client.health({ timeout: TIMEOUTS.health });
  }

  async exists(id: string): Promise<boolean> {
    try {
      await this.#client.agents.retrieve(id);
      return true;
    } catch (error) {
      if (saysNotFound(error, id)) return false;
      throw error;
    }
  }

  async *named(name: string): AsyncIterable<AgentSummary> {
    // The client follows the pages until one is empty.
    for await (const agent of this.#client.agents.list({ name, order: "asc", order_by: "created_at", limit: 50 })) {
      yield { id: agent.id, name: agent.name };
    }
  }

  async models(): Promise<AgentModels | undefined> {
    const model = this.#wanted.model ?? nearest(await this.#client.models.list());
    if (model === undefined) return undefined;
    return { model, embedding: this.#wanted.embedding ?? nearest(await this.#client.models.embeddings.list()) };
  }

  async create(name: string, { model, embedding }: AgentModels): Promise<AgentSummary> {
    const agent = await this.#client.agents.create(
      {
        name,
        model,
        ...(embedding === undefined ? {} : { embedding }),
        description: "Research assistant of the Thoth stand-in",
        memory_blocks: [
          { label: "persona", value: "I am Thoth, a research assistant. I help to find and to read papers." },
          { label: "human", value: "A researcher. I know nothing about them yet." },
        ],
      },
      { timeout: TIMEOUTS.create },
    );
    return { id: agent.id, name: agent.name };
  }

  /** Sends a message to the agent and streams Letta's answer. */
  async converse(agentId: string, message: string, signal: AbortSignal): Promise<AsyncIterable<unknown>> {
    return this.#client.agents.messages.create(
      agentId,
      { messages: [{ role: "user", content: message }], streaming: true, stream_tokens: true, include_pings: true },
      { signal, timeout: TIMEOUTS.firstAnswer },
    );
  }
}

/** The first model listed, the hosted one last. */
function nearest(models: readonly { handle?: string | null }[]): string | undefined {
  const handles = models.map(({ handle }) => handle).filter((handle) => typeof handle === "string");
  return handles.find((handle) => !handle.startsWith(HOSTED_PROVIDER)) ?? handles[0];
}

/** Letta's own "not found" contains the agent's id; a 404 of a proxy or another server proves nothing. */
function saysNotFound(error: unknown, id: string): boolean {
  if (!(error instanceof Letta.NotFoundError)) return false;
  const body: unknown = error.error;
  return typeof body === "object" && body !== null && "detail" in body && String(body.detail).includes(id);
}
