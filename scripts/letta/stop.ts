import { findClients } from "../lib/clients.ts";
import type { Deps } from "../lib/deps.ts";
import { type LettaStack, readLetta, required, stopContainers } from "../lib/stacks.ts";

/** Options of the commands that take Letta away from its clients. */
export interface StopOptions {
  readonly stack: string;
  /** Go on although others are connected. */
  readonly yes: boolean;
}

/** Stops the letta stack's containers; data stays, and start undoes it in seconds. */
export async function stopLetta(options: StopOptions, deps: Deps): Promise<number> {
  const letta = required(await readLetta(deps, options.stack), options.stack, "make letta-start");
  if (!(await mayDisconnect(options, letta, deps))) return 1;
  // Clients first: nginx ends its streams, Letta its runs, and Postgres goes last.
  await stopContainers(deps, letta.containers.toReversed());
  deps.print(`stack ${options.stack} is stopped; its data is kept: make letta-start`);
  return 0;
}

/** True when nobody is connected, or the operator says that they may be cut off. */
async function mayDisconnect({ yes, stack }: StopOptions, letta: LettaStack, deps: Deps): Promise<boolean> {
  const clients = await findClients(deps, letta);
  if (clients.length === 0 || yes) return true;
  deps.print(`these use the letta stack "${stack}" and would lose it:`);
  for (const client of clients) deps.print(`  ${client}`);
  if (await deps.confirm("stop it all the same?")) return true;
  deps.print("nothing was stopped; stop them first, or say --yes (make: YES=1)");
  return false;
}
