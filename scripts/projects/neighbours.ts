import type { Deps } from "../lib/deps.ts";
import { ownerOf } from "../lib/stacks.ts";
import type { GatewayRequest } from "./gateway-log.ts";
import type { Session } from "./postgres.ts";
import type { ProjectsSite } from "./site.ts";

/** A container on the letta network that does not belong to the stack. */
export interface Neighbour {
  readonly name: string;
  readonly address: string;
  /** E.g. `stack thoth`. */
  readonly owner: string;
  readonly startedAt: string;
}

interface NetworkDetails {
  readonly Containers?: Readonly<Record<string, { readonly Name: string; readonly IPv4Address?: string }>>;
}

/** The other containers on the letta network, by name. */
export async function readNeighbours(deps: Deps, { letta }: Pick<ProjectsSite, "letta">): Promise<Neighbour[]> {
  const [details] = JSON.parse(await deps.engine.dockerOutput(["network", "inspect", letta.network.name])) as [
    NetworkDetails,
  ];
  const others = Object.values(details.Containers ?? {}).filter(({ Name }) => !letta.containers.includes(Name));
  const neighbours = await Promise.all(
    others.map(async ({ Name, IPv4Address = "" }) => {
      const container = await deps.engine.inspectContainer(Name);
      const address = IPv4Address.replace(/\/.*/, "");
      return { name: Name, address, owner: ownerOf(container), startedAt: container?.State.StartedAt ?? "" };
    }),
  );
  return neighbours.sort((first, second) => first.name.localeCompare(second.name));
}

/** The neighbours that use a project, judged by its sessions and requests. */
export function neighboursOf(
  neighbours: readonly Neighbour[],
  sessions: readonly Session[],
  requests: readonly GatewayRequest[],
): Neighbour[] {
  return neighbours.filter(
    ({ address, startedAt }) =>
      sessions.some((session) => session.address === address) ||
      // Addresses are reused: a request older than the container came from another one.
      requests.some((request) => request.address === address && Date.parse(request.at) >= Date.parse(startedAt)),
  );
}

/** The client of a session, e.g. `container notes-api (compose project notes)`. */
function describeClient(neighbours: readonly Neighbour[], { address }: Pick<Session, "address">): string {
  const neighbour = neighbours.find((one) => one.address === address);
  if (neighbour !== undefined) return `container ${neighbour.name} (${neighbour.owner})`;
  return address === null ? "a client on the socket" : `a client at ${address}`;
}

/** Sessions as lines: one per role, client and application. */
export function describeSessions(neighbours: readonly Neighbour[], sessions: readonly Session[]): string[] {
  const counts = new Map<string, number>();
  for (const session of sessions) {
    const application = session.application === "" ? "" : `, application ${session.application}`;
    const line = `role ${session.role}, ${describeClient(neighbours, session)}${application}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return [...counts].map(([line, count]) => `${count} Postgres ${count === 1 ? "session" : "sessions"}: ${line}`);
}
