import type { FastifyInstance } from "fastify";
import type { Config } from "../config.ts";
import type { Database } from "../database.ts";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import type { Papers } from "../papers.ts";

/** What every role gets. */
export interface RoleContext {
  readonly config: Config;
  readonly server: FastifyInstance;
  readonly health: Health;
  readonly database: Database;
  readonly papers: Papers;
  readonly log: Log;
}

/** Adds the role's routes and checks. Returns its background work, which runs until aborted. */
export type RoleSetup = (context: RoleContext) => ((signal: AbortSignal) => Promise<void>) | undefined;
