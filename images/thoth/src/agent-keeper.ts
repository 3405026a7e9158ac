import { setTimeout as delay } from "node:timers/promises";
import { type AgentDirectory, type AgentMemory, type AgentOutcome, ensureAgent } from "./agent.ts";
import { type Database, LOCKS, type Queryable } from "./database.ts";
import { describeError } from "./errors.ts";
import type { Log } from "./log.ts";

/** How long to wait before the next look, in milliseconds. */
const PAUSES = { ready: 30_000, waiting: 10_000, failed: 2000 };

type LookResult = AgentOutcome | { readonly state: "failed"; readonly reason: string };

/** What is known of the agent right now. */
export type AgentState = LookResult | { readonly state: "unknown"; readonly reason: string };

/** Which agent is ours, in the database. */
export function agentMemory(client: Queryable, name: string): AgentMemory {
  return {
    async remembered() {
      const { rows } = await client.query<{ id: string }>("select id from agents where name = $1 and lost_at is null", [
        name,
      ]);
      return rows[0]?.id;
    },
    async remember(agent) {
      await client.query(
        "insert into agents (id, name) values ($1, $2) on conflict (id) do update set name = $2, lost_at = null",
        [agent.id, agent.name],
      );
    },
    async forget(id) {
      await client.query("update agents set lost_at = now() where id = $1", [id]);
    },
  };
}

/** Keeps the assistant's agent: makes sure that it is there, and looks again for as long as the program runs. */
export class AgentKeeper {
  readonly #name: string;
  readonly #directory: AgentDirectory;
  readonly #database: Database;
  readonly #log: Log;
  #state: AgentState = { state: "unknown", reason: "not looked for yet" };

  constructor(name: string, directory: AgentDirectory, database: Database, log: Log) {
    this.#name = name;
    this.#directory = directory;
    this.#database = database;
    this.#log = log;
  }

  get name(): string {
    return this.#name;
  }

  get state(): AgentState {
    return this.#state;
  }

  /** Throws unless Letta has told whether the agent is there: a refused token shows here and in no health route. */
  check(): void {
    const { state } = this;
    if (state.state === "failed" || state.state === "unknown") throw new Error(`agent: ${state.reason}`);
  }

  /** Runs until the signal ends it. */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      const state = await this.#look();
      if (JSON.stringify(state) !== JSON.stringify(this.#state)) {
        this.#log[state.state === "failed" ? "warn" : "info"]({ agent: this.#name, ...state }, "the agent");
      }
      this.#state = state;
      await delay(PAUSES[state.state], undefined, { signal });
    }
  }

  /** The lock keeps two programs that start together from making an agent each. */
  async #look(): Promise<LookResult> {
    try {
      return await this.#database.transaction(async (client) => {
        await client.query("select pg_advisory_xact_lock($1)", [LOCKS.agent]);
        return await ensureAgent(this.#name, this.#directory, agentMemory(client, this.#name));
      });
    } catch (error) {
      return { state: "failed", reason: describeError(error) };
    }
  }
}
