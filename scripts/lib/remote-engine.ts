import { lettaPlace } from "../../infra/config/letta.ts";
import { thothPlace } from "../../infra/config/thoth.ts";
import { remoteEngine } from "../../infra/lib/docker/host.ts";
import { hostAddress } from "../../infra/lib/docker/network.ts";
import type { StackNames } from "./cli.ts";
import type { Deps } from "./deps.ts";
import { readConfigFile } from "./stack-file.ts";
import { type Forward, openTunnel } from "./tunnel.ts";

/**
 * Where the engine is on another host, makes it and the ports of these stacks reachable here, for this process and its children.
 * A command that takes no stack's name needs neither.
 *
 * @throws UserError when there is no way to the engine
 */
export async function reachRemoteEngine({ lettaStack, thothStack }: StackNames, deps: Deps): Promise<void> {
  const engine = remoteEngine();
  if (engine === undefined || (lettaStack === undefined && thothStack === undefined)) return;
  const forwards = [...portsOf(deps, lettaStack, lettaPlace), ...portsOf(deps, thothStack, thothPlace)];
  Object.assign(process.env, await openTunnel(engine, forwards));
}

/** The ports that a stack publishes on its host's loopback; others are reached without help. */
function portsOf(deps: Deps, stack: string | undefined, schema: typeof lettaPlace | typeof thothPlace): Forward[] {
  if (stack === undefined) return [];
  // What is wrong with the config is for the command to say.
  const place = schema.safeParse(readConfigFile(deps, stack)).data;
  if (place === undefined || hostAddress(place.bindAddress) !== "127.0.0.1") return [];
  return Object.values(place.ports).flatMap((port) => (port === undefined ? [] : [{ port, stack }]));
}
