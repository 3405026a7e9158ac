import { labels } from "../../infra/lib/names.ts";
import type { Deps } from "../lib/deps.ts";
import type { Endpoint, Installation, OldNetwork } from "./installation.ts";

/** Everything here can be repeated: a killed run may have done any part of it. */

/** Stops the old containers, Postgres last, so that it shuts down without a client. */
export async function stopOld(deps: Deps, { containers }: Installation): Promise<void> {
  for (const { name, movedTo, startsWithEngine } of containers) {
    const isLast = name === containers.at(-1)?.name;
    for (const called of new Set([name, movedTo])) {
      const state = await deps.engine.inspectContainer(called);
      if (state === undefined || !(await isOld(deps, called))) continue;
      // Otherwise the next reboot would bring it back, on a port of the stack.
      if (startsWithEngine === true) await deps.engine.dockerOutput(["update", "--restart", "unless-stopped", called]);
      if (!state.State.Running) continue;
      deps.print(`stopping ${called}`);
      await deps.engine.dockerOutput(["stop", "--time", isLast ? "120" : "30", called]);
    }
  }
}

/** Gives the names of containers and networks free. Volumes stay as they are. */
export async function makeWay(deps: Deps, { containers, networks }: Installation): Promise<void> {
  for (const { name, movedTo } of containers) await rename(deps, name, movedTo);
  for (const network of networks) {
    if (!(await isOldNetwork(deps, network))) continue;
    for (const endpoint of network.endpoints) {
      await deps.engine.docker(["network", "disconnect", "--force", network.name, calledNow(containers, endpoint)]);
    }
    deps.print(`removing network ${network.name}, which this project creates again`);
    await deps.engine.dockerOutput(["network", "rm", network.name]);
  }
}

/** Connects the clients that the old networks had to the new ones of the same names. */
export async function reconnectClients(deps: Deps, { networks }: Installation): Promise<void> {
  for (const { name, endpoints } of networks) {
    for (const endpoint of endpoints.filter(({ isClient }) => isClient)) {
      if ((await deps.engine.findNetwork(name)) === undefined) continue;
      await connect(deps, name, endpoint, endpoint.container);
      deps.print(`${endpoint.container} is on network ${name} again; Letta now asks it for a token: make project-env`);
    }
  }
}

/** Takes the clients off the new networks, which could not be removed otherwise. */
export async function disconnectClients(deps: Deps, { networks }: Installation): Promise<void> {
  for (const { name, endpoints } of networks) {
    for (const { container } of endpoints.filter(({ isClient }) => isClient))
      await deps.engine.docker(["network", "disconnect", "--force", name, container]);
  }
}

/** Brings the old installation back as it was found, and starts what ran. The names must be free. */
export async function giveBack(deps: Deps, { containers, networks }: Installation): Promise<void> {
  for (const { name, movedTo } of containers) await rename(deps, movedTo, name);
  for (const network of networks) {
    if ((await deps.engine.findNetwork(network.name)) === undefined) {
      const labels = Object.entries(network.labels).flatMap(([label, value]) => ["--label", `${label}=${value}`]);
      const subnets = network.subnets.flatMap((subnet) => ["--subnet", subnet]);
      await deps.engine.dockerOutput(["network", "create", ...labels, ...subnets, network.name]);
    }
    for (const endpoint of network.endpoints) await connect(deps, network.name, endpoint, endpoint.container);
  }
  for (const { name } of containers.filter(({ startsWithEngine }) => startsWithEngine)) {
    await deps.engine.dockerOutput(["update", "--restart", "always", name]);
  }
  for (const { name } of containers.toReversed().filter(({ wasRunning }) => wasRunning)) {
    deps.print(`starting ${name}`);
    await deps.engine.dockerOutput(["start", name]);
  }
}

/** Fails harmlessly where it is on the network already, or gone. */
async function connect(deps: Deps, network: string, { aliases, address }: Endpoint, container: string): Promise<void> {
  const options = [
    ...aliases.flatMap((alias) => ["--alias", alias]),
    ...(address === undefined ? [] : ["--ip", address]),
  ];
  await deps.engine.docker(["network", "connect", ...options, network, container]);
}

async function rename(deps: Deps, from: string, to: string): Promise<void> {
  if (from === to || !(await isOld(deps, from))) return;
  deps.print(`${from} is now called ${to}`);
  await deps.engine.dockerOutput(["rename", from, to]);
}

/** Not one of this project's, which may have the name by now. */
async function isOld(deps: Deps, name: string): Promise<boolean> {
  const state = await deps.engine.inspectContainer(name);
  return state !== undefined && state.Config.Labels?.[labels.prefix] === undefined;
}

/** Not the one of the same name that this project made in its place. */
async function isOldNetwork(deps: Deps, { id, name }: OldNetwork): Promise<boolean> {
  const { exitCode, stdout } = await deps.engine.docker(["network", "inspect", "--format", "{{.Id}}", name]);
  return exitCode === 0 && stdout.trim() === id;
}

const calledNow = (containers: Installation["containers"], { container }: Endpoint) =>
  containers.find(({ name }) => name === container)?.movedTo ?? container;
