import { isSetUp } from "../lib/bring-up.ts";
import type { Deps } from "../lib/deps.ts";
import { namesOf, readConfigFile } from "../lib/stack-file.ts";
import { readLetta } from "../lib/stacks.ts";
import type { Installation } from "./installation.ts";
import { fatesOf } from "./variables.ts";

/** What was found, and what becomes of each piece: a line each. */
export function planLines(old: Installation, stack: string, volumePrefix: string | undefined): string[] {
  const { cluster, containers, networks, variables, vault, envFile } = old;
  const row = (what: string, becomes: string) => `  ${what.padEnd(11)}${becomes}`;
  const running = (wasRunning: boolean) => (wasRunning ? "stopped" : "is stopped");
  const clients = networks.flatMap(({ endpoints }) => endpoints.filter(({ isClient }) => isClient));
  return [
    `adoption into stack ${stack}:`,
    row("data", `${cluster.volume}: dumped to files, then copied; never written to`),
    ...containers.map(({ name, wasRunning, movedTo }) =>
      row("container", `${name}: ${running(wasRunning)}${movedTo === name ? "" : `, called ${movedTo}`}; kept`),
    ),
    ...networks.map(({ name, subnets }) => row("network", `${name} (${subnets.join(", ")}): created again`)),
    ...clients.map(({ container }) => row("client", `${container}: gets to the new network; needs a token`)),
    ...(volumePrefix === undefined
      ? []
      : [row("volumes", `the old names are taken: the new ones are ${volumePrefix}-…`)]),
    row("Redis", "holds streams in progress: nothing to take"),
    row("files", "letta-home, letta-data, ~/.letta: Letta keeps nothing of agents there; left as they are"),
    ...fatesOf(variables).map(({ name, fate, why }) => row("variable", `${name}: ${fate}, ${why}`)),
    ...(vault === undefined ? [] : [row("vault", `${vault}: Thoth's vault as before`)]),
    ...(envFile === undefined ? [] : [row(".env", `${envFile}: Thoth's envFile; what the stack sets itself wins`)]),
    row("way back", "make adopt-undo"),
  ];
}

/** Start of the new volumes' names: another one where the old installation has a volume of the usual names. */
export async function chooseVolumePrefix(deps: Deps, stack: string): Promise<string | undefined> {
  if (readConfigFile(deps, stack).volumePrefix !== undefined) return undefined;
  const wasUp = (await isSetUp(deps, stack).catch(() => false)) && (await readLetta(deps, stack)) !== undefined;
  if (wasUp) return undefined;
  const { volumes, postgres } = namesOf(deps, stack);
  const there = await Promise.all(Object.values(volumes).map((name) => deps.engine.volumeExists(name)));
  return there.includes(true) ? postgres.replace(/postgres$/, "adopted") : undefined;
}
