import { fatesOfEnvFile } from "./env-file.ts";
import type { Installation } from "./installation.ts";
import type { Setting } from "./settings.ts";
import { type Fate, fatesOf } from "./variables.ts";

/** What the plan says besides the installation. */
interface Circumstances {
  readonly stack: string;
  /** Agents of the stack's own. */
  readonly agents: number;
  /** What the two stacks' configs would get. */
  readonly settings: readonly Setting[];
}

/** What was found, and what becomes of each piece: a line each. */
export function planLines(old: Installation, { stack, agents, settings }: Circumstances): string[] {
  const { cluster, containers, networks, variables, isOpen, thoth } = old;
  const row = (what: string, becomes: string) => `  ${what.padEnd(11)}${becomes}`;
  const running = (wasRunning: boolean) => (wasRunning ? "stopped" : "is stopped");
  const clients = networks.flatMap(({ endpoints }) => endpoints.filter(({ isClient }) => isClient));
  const ofFile = thoth?.envFile === undefined ? undefined : fatesOfEnvFile(thoth.envFile);
  const fates = (what: string, all: readonly Fate[]) =>
    all.map(({ name, fate, why }) => row(what, `${name}: ${fate}, ${why}`));
  return [
    `adoption into stack ${stack}:`,
    row("data", `${cluster.volume}: dumped to files, then copied; never written to`),
    ...(agents > 0 ? [row("agents", `the stack has ${agents} of its own, which are replaced and kept`)] : []),
    ...containers.map(({ name, wasRunning, movedTo }) =>
      row("container", `${name}: ${running(wasRunning)}${movedTo === name ? "" : `, called ${movedTo}`}; kept`),
    ),
    ...networks.map(({ name, subnets }) => row("network", `${name} (${subnets.join(", ")}): created again`)),
    ...clients.map(({ container }) => row("client", `${container}: gets to the new network; needs a token`)),
    row("Redis", "holds streams in progress: nothing to take"),
    row("files", "letta-home, letta-data, ~/.letta: Letta keeps nothing of agents there; left as they are"),
    ...(containers.length === 0
      ? [row("variable", "not known without the old containers: docs/moving.md#without-containers")]
      : fates("variable", fatesOf(variables))),
    ...(ofFile === undefined ? [] : fates(".env", ofFile.fates)),
    ...(ofFile?.ignored ?? []).map((line) => row(".env", `not read: ${line}`)),
    ...settings.map(({ stack: of, path, value }) => row("setting", `${of}: ${path.join(".")} = ${shown(value)}`)),
    ...(isOpen === true
      ? [row("address", "ports that other hosts reached are for this host alone: thoth-letta:bindAddress opens them")]
      : []),
    row("way back", "make adopt-undo"),
  ];
}

const shown = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));
