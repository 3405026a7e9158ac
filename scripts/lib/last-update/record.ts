import { join } from "node:path";
import type { Deps } from "../deps.ts";
import { type Deployment, readStateFile, type StateResource } from "../state-file.ts";
import { readJsonFile, writeWholeJson } from "../whole-file.ts";
import { type Sealed, seal, unseal } from "./sealed.ts";

/** What the last update of a stack left behind, as far as commands need it; it has secrets in the open. */
export interface LastUpdate {
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Those that an update looks at, in an order in which each comes after those it depends on. */
  readonly resources: readonly StateResource[];
}

/** As it is on disk. */
interface RecordFile {
  /** Hash of the state that it describes: any other run of Pulumi changes the state, and so ends the record. */
  readonly state: string;
  /** Fingerprint of the program that made it; absent when only the outputs are known, or the update was not complete. */
  readonly program?: string;
  readonly sealed: Sealed;
}

const recordFile = ({ projectDirectory }: Pick<Deps, "projectDirectory">, stack: string) =>
  join(projectDirectory, ".state/updates", `${stack}.json`);

/**
 * Reads what is known of a stack's last update.
 *
 * @param program the fingerprint that it must have; default: any
 * @returns undefined when nothing is known of the present state
 */
export async function readLastUpdate(deps: Deps, stack: string, program?: string): Promise<LastUpdate | undefined> {
  const file = await readJsonFile<RecordFile>(recordFile(deps, stack)).catch(() => undefined);
  if (file === undefined || (program !== undefined && file.program !== program)) return undefined;
  const [state, update] = await Promise.all([readStateFile(deps, stack), unseal<LastUpdate>(file.sealed)]);
  return state?.hash === file.state ? update : undefined;
}

/** Keeps what is known of the update that left a state, unless the state has changed since. */
export async function keepLastUpdate(
  deps: Deps,
  stack: string,
  of: Pick<RecordFile, "state" | "program">,
  update: LastUpdate,
): Promise<void> {
  const [state, sealed] = await Promise.all([readStateFile(deps, stack), seal(update)]);
  if (state?.hash !== of.state || sealed === undefined) return;
  const content: RecordFile = { ...of, sealed };
  // It only saves time: what cannot be kept is asked again.
  await writeWholeJson(recordFile(deps, stack), content).catch(() => {});
}

/** What a state with its secrets in the open says of the update that left it. */
export function lastUpdateOf({ resources = [] }: Deployment = {}): LastUpdate {
  const opened = resources.map(
    ({ urn, type, id, dependencies = [], ...rest }): StateResource => ({
      ...{ urn, type, id, dependencies },
      ...(isLookedAt({ type }) ? (opening(rest) as Pick<StateResource, "inputs" | "outputs">) : {}),
    }),
  );
  const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
  return { outputs: opening(stack?.outputs ?? {}) as LastUpdate["outputs"], resources: opened };
}

const dynamicType = "pulumi-nodejs:dynamic/thoth-letta:";

/** The module of infra/providers that a resource belongs to; undefined for Docker's own and others. */
export function providerOf({ type }: Pick<StateResource, "type">): string | undefined {
  return type.startsWith(dynamicType) ? type.slice(dynamicType.length) : undefined;
}

const isLookedAt = (resource: Pick<StateResource, "type">) => providerOf(resource) !== undefined;

/** How Pulumi marks a secret that it was asked to print. */
const secretMark = "4dabf18193072939515e22adb298388d";

function opening(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opening);
  if (typeof value !== "object" || value === null) return value;
  const { [secretMark]: mark, plaintext } = value as Record<string, unknown>;
  if (mark !== undefined && typeof plaintext === "string") return opening(JSON.parse(plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, opening(one)]));
}
