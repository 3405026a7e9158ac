import { lettaStopOrder } from "../../infra/lib/names.ts";
import { findClients } from "../lib/clients.ts";
import { confirm } from "../lib/confirm.ts";
import type { Deps } from "../lib/deps.ts";
import { prefixOf } from "../lib/stack-file.ts";
import { readLetta, required, stopContainers } from "../lib/stacks.ts";

/** Options of the commands that take Letta away from its clients. */
export interface StopOptions {
  readonly stack: string;
  /** Stop although others are connected. */
  readonly yes: boolean;
}

/** Stops the letta stack's containers. Data stays, and a start brings them back in seconds. */
export async function stopLetta(options: StopOptions, deps: Deps): Promise<number> {
  const letta = required(await readLetta(deps, options.stack), options.stack, "make letta-start");
  const clients = await findClients(deps, options.stack, letta);
  const heading = `these use the letta stack "${options.stack}" and will lose it:`;
  const affects = { heading, lines: clients };
  if (clients.length > 0 && !(await confirm(deps, { yes: options.yes, affects, question: "stop it anyway?" })))
    return 1;
  await stopContainers(deps, lettaStopOrder(prefixOf(deps, options.stack)));
  deps.print(`stack ${options.stack} is stopped; its data is kept: make letta-start`);
  return 0;
}
