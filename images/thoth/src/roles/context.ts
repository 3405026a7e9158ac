import type { FastifyInstance } from "fastify";
import type { Config } from "../config.ts";
import type { Database } from "../database.ts";
import type { Health } from "../health.ts";
import type { Log } from "../log.ts";
import type { Papers } from "../papers.ts";

/** What every role is given. */
export interface RoleContext {
  readonly config: Config;
  readonly server: FastifyInstance;
  readonly health: Health;
  readonly database: Database;
  readonly papers: Papers;
  readonly log: Log;
}

/** Adds the role's routes and checks, and gives its work: a function that runs until the signal ends it. */
export type RoleSetup = (context: RoleContext) => ((signal: AbortSignal) => Promise<void>) | undefined;
