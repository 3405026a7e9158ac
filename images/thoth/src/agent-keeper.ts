import { setTimeout as delay } from "node:timers/promises";
import { type AgentDirectory, type AgentMemory, type AgentOutcome, ensureAgent } from "./agent.ts";
import { type Database, LOCKS, type Queryable } from "./database.ts";
import { describeError, type Log } from "./log.ts";

/** Pause before the next check, in milliseconds. */
const PAUSES = { ready: 30_000, waiting: 10_000, failed: 2000 };

type LookResult = AgentOutcome | { readonly state: "failed"; readonly reason: string };

/** The last known state of the agent. */
export type AgentState = LookResult | { readonly state: "unknown"; readonly reason: string };

/** Remembers our agent in the database. */
function agentMemory(client: Queryable, name: string): AgentMemory {
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

/** Makes sure that the assistant's agent exists, and keeps checking while the program runs. */
export class AgentKeeper {
  readonly #name: string;
  readonly #directory: AgentDirectory;
  readonly #database: Database;
  readonly #log: Log;
  #state: AgentState = { state: "unknown", reason: "not checked yet" };

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

  /** Throws unless Letta has answered whether the agent exists: a refused token shows here, not in a health route. */
  check(): void {
    const { state } = this;
    if (state.state === "failed" || state.state === "unknown") throw new Error(`agent: ${state.reason}`);
  }

  /** Runs until aborted, or until the agent is ready if it `looksOnce`. */
  async run(signal: AbortSignal, looksOnce: boolean): Promise<void> {
    for (;;) {
      const state = await this.#look();
      if (JSON.stringify(state) !== JSON.stringify(this.#state)) {
        this.#log[state.state === "failed" ? "warn" : "info"]({ agent: this.#name, ...state }, "the agent");
      }
      this.#state = state;
      if (looksOnce && state.state === "ready") return;
      await delay(PAUSES[state.state], undefined, { signal });
    }
  }

  /** The lock keeps two programs that start together from each creating an agent. */
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
