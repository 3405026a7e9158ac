import { paths } from "./contract.ts";
import { withPostgres } from "./postgres.ts";
import { pipe, run } from "./process/run.ts";

/** What the agent reaches outside its own memory; tests give it other ones. */
export interface World {
  readonly paths: { readonly [Name in keyof typeof paths]: string };
  /** Runs a program. */
  readonly run: typeof run;
  /** Runs programs in a pipe. */
  readonly pipe: typeof pipe;
  /** Runs work on a connection to Postgres. */
  readonly postgres: typeof withPostgres;
  readonly now: () => number;
}

/** The container that this process runs in. */
export const world: World = { paths, run, pipe, postgres: withPostgres, now: Date.now };
