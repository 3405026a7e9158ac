import { providerOf } from "../last-update/record.ts";
import { type PreviewedResource, type PreviewStep, resourceName } from "./steps.ts";

/** What an update may cost: nothing, a service being away for a while, or data and who can open it. */
export type Risk = "none" | "restart" | "data";

/** What an update does to one resource, as a person reads it. */
export interface Change {
  readonly resource: string;
  readonly risk: Risk;
  /** One sentence, in the future. */
  readonly effect: string;
  /** Properties that differ; empty for what is created or deleted. */
  readonly because: readonly string[];
  /** Docker name of the container that is away meanwhile. */
  readonly container?: string;
  /** How long it took to answer after it was last created here, in seconds; absent where that is not known. */
  readonly awaySeconds?: number;
  /** Volumes with data that the container uses. */
  readonly volumes: readonly string[];
}

type Kind = "create" | "update" | "replace" | "delete";

const kinds: Readonly<Record<string, Kind>> = {
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
  // A volume's data stays: the resource is only forgotten.
  discard: "delete",
};

/** A step longer than this between a container and its readiness was not one start. */
const longestStartSeconds = 900;

/** What the steps of a preview mean. Those that belong to another one, such as a container's readiness, are left out. */
export function changesOf(steps: readonly PreviewStep[]): Change[] {
  const found = steps.flatMap((step) => {
    const kind = kinds[step.op];
    const change = kind === undefined ? undefined : changeOf(step, kind, steps);
    return change === undefined ? [] : [change];
  });
  return found.sort((one, other) => risks.indexOf(other.risk) - risks.indexOf(one.risk));
}

const risks: readonly Risk[] = ["none", "restart", "data"];

/** The highest risk of them. */
export const riskOf = (changes: readonly Change[]): Risk => changes[0]?.risk ?? "none";

function changeOf(step: PreviewStep, kind: Kind, steps: readonly PreviewStep[]): Change | undefined {
  const state = step.oldState ?? step.newState;
  const type = state?.type ?? "";
  const plain = { resource: resourceName(step.urn), because: step.diffReasons ?? [], volumes: [] };
  if (type === "docker:index/container:Container") return { ...plain, ...containerChange(step, kind, steps) };
  if (type === "docker:index/volume:Volume") return { ...plain, ...volumeChange(state, kind) };
  if (type === "docker:index/network:Network") return { ...plain, ...networkChange(nameOf(state), kind) };
  if (type.startsWith("random:")) return { ...plain, ...secretChange(plain.resource, kind) };
  const provider = providerOf({ type });
  // Components, and what only looks: what it looks at has a step itself.
  if (provider === undefined || provider === "readiness" || provider === "network-clients") return undefined;
  const effect = providerEffects[provider]?.(plain.resource, kind) ?? {
    risk: "none",
    effect: `${plain.resource}: ${kind}`,
  };
  return { ...plain, ...effect };
}

type Effect = Pick<Change, "risk" | "effect">;

function containerChange(step: PreviewStep, kind: Kind, steps: readonly PreviewStep[]): Effect & Partial<Change> {
  const { oldState, newState } = step;
  const container = nameOf(oldState ?? newState);
  const volumes = dataVolumes(oldState ?? newState);
  if (kind === "create") return { risk: "none", effect: `${container} is created and started`, volumes };
  if (kind === "update") return { risk: "none", effect: `${container} is changed while it runs`, volumes };
  if (kind === "delete") return { risk: "restart", effect: `${container} is removed`, container, volumes };
  const seconds = startSeconds(step, steps);
  const effect = `${container} is replaced`;
  return { risk: "restart", effect, container, volumes, ...(seconds === undefined ? {} : { awaySeconds: seconds }) };
}

/** From when its container was created until its readiness had passed, the last time. */
function startSeconds({ urn, oldState }: PreviewStep, steps: readonly PreviewStep[]): number | undefined {
  const readyName = resourceName(urn).replace(/-container$/, "-ready");
  const ready = steps.find((step) => resourceName(step.urn) === readyName)?.oldState?.modified;
  if (ready === undefined || oldState?.modified === undefined) return undefined;
  const seconds = (Date.parse(ready) - Date.parse(oldState.modified)) / 1000;
  return seconds > 0 && seconds < longestStartSeconds ? Math.ceil(seconds) : undefined;
}

function volumeChange(state: PreviewedResource | undefined, kind: Kind): Effect {
  const volume = nameOf(state);
  if (kind === "create") return { risk: "none", effect: `volume ${volume} is created, empty` };
  if (kind === "update") return { risk: "none", effect: `volume ${volume} keeps its data` };
  const rest = state?.retainOnDelete === true ? "is no longer used; the engine keeps it" : "is deleted";
  return { risk: "data", effect: `volume ${volume} ${rest}` };
}

function networkChange(network: string, kind: Kind): Effect {
  if (kind === "create") return { risk: "none", effect: `network ${network} is created` };
  return { risk: "restart", effect: `network ${network} is replaced, and with it every container on it` };
}

function secretChange(name: string, kind: Kind): Effect {
  if (kind === "create") return { risk: "none", effect: `secret ${name} is generated` };
  return { risk: "data", effect: `secret ${name} is replaced: what it opened needs the new one` };
}

const providerEffects: Readonly<Record<string, (name: string, kind: Kind) => Effect>> = {
  migration: (_, kind) =>
    kind === "create"
      ? { risk: "none", effect: "Letta's schema is created" }
      : { risk: "data", effect: "Letta's database is migrated if its schema is older" },
  database: (name, kind) =>
    kind === "delete"
      ? { risk: "restart", effect: `${name}: its logins are closed, its data stays` }
      : { risk: "none", effect: `${name}: database, roles and rights are set` },
  "letta-identities": (_, kind) =>
    kind === "delete"
      ? { risk: "restart", effect: "projects lose their Letta users" }
      : { risk: "none", effect: "each project's Letta user and token are set" },
  "letta-probe": () => ({ risk: "none", effect: "Letta is asked whether it works" }),
  "volume-file": (name) => ({ risk: "none", effect: `${name} is written, without a restart` }),
  "other-shape": () => ({ risk: "none", effect: "containers of Thoth's other shape are stopped, where there are any" }),
  "mcp-registration": () => ({ risk: "none", effect: "Thoth's tools are registered in Letta" }),
};

/** Volumes of a container's data, without those that hold credentials. */
function dataVolumes(state: PreviewedResource | undefined): string[] {
  const mounts = (state?.inputs?.mounts ?? []) as readonly { type?: string; source?: string; readOnly?: boolean }[];
  return mounts.filter(({ type, readOnly }) => type === "volume" && readOnly !== true).map(({ source = "" }) => source);
}

function nameOf(state: PreviewedResource | undefined): string {
  return String(state?.inputs?.name ?? "?");
}
