import type { ContainerState } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import type { lettaNames } from "../../infra/lib/names.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "../lib/deps.ts";
import { psql } from "../lib/psql.ts";
import { namesOf } from "../lib/stack-file.ts";
import { type LettaStack, readLetta, readThoth } from "../lib/stacks.ts";
import { type BackupState, readBackupState } from "../status/backup.ts";

/** What must work before a check can ask. */
export type Need = "engine" | "state" | "postgres" | "server" | "gateway" | "backup" | "thoth";

/** Both stacks as the checks see them. */
export interface Patient {
  readonly deps: Deps;
  readonly stacks: { readonly letta: string; readonly thoth: string };
  readonly names: ReturnType<typeof lettaNames>;
  /** What is wrong with the engine or the state; undefined where both answer. */
  readonly engineProblem: string | undefined;
  readonly stateProblem: string | undefined;
  /** The outputs; undefined when the stack never came up. */
  readonly letta: LettaStack | undefined;
  readonly thoth: ThothExports | undefined;
  /** Every container that the outputs name -> its state; undefined when the engine has none of that name. */
  readonly containers: ReadonlyMap<string, ContainerState | undefined>;
  readonly available: ReadonlySet<Need>;
  /** What the backup agent says; asked once for all checks. */
  readonly backup: () => Promise<BackupState>;
  /** Runs SQL as the superuser. @returns rows as lists of columns */
  readonly rows: (sql: string, database?: string) => Promise<string[][]>;
}

/** Looks at what all checks share. Never throws: what cannot be asked is a problem or not available. */
export async function lookAt(deps: Deps, lettaStack: string, thothStack: string): Promise<Patient> {
  const names = namesOf(deps, lettaStack);
  const engineProblem = await problemOf(() => deps.engine.requireEngine());
  let [letta, thoth]: [LettaStack | undefined, ThothExports | undefined] = [undefined, undefined];
  const stateProblem = await problemOf(async () => {
    [letta, thoth] = await Promise.all([readLetta(deps, lettaStack), readThoth(deps, thothStack)]);
  });
  const known = engineProblem === undefined ? [...containersOf(letta), ...containersOf(thoth)] : [];
  const states = await Promise.all(known.map((name) => deps.engine.inspectContainer(name).catch(() => undefined)));
  const containers = new Map(known.map((name, index) => [name, states[index]] as const));
  const isRunning = (name: string) => containers.get(name)?.State.Status === "running";
  const needs: readonly (readonly [Need, boolean])[] = [
    ["engine", engineProblem === undefined],
    ["state", stateProblem === undefined && letta !== undefined],
    ["postgres", isRunning(names.postgres)],
    ["server", isRunning(names.server)],
    ["gateway", isRunning(names.gateway) && isRunning(names.server)],
    ["backup", isRunning(names.backup)],
    ["thoth", containersOf(thoth).some(isRunning)],
  ];
  let asked: Promise<BackupState> | undefined;
  const backup = () => {
    asked ??= letta === undefined ? Promise.resolve(null) : readBackupState(deps, letta);
    return asked;
  };
  return {
    backup,
    ...{ deps, stacks: { letta: lettaStack, thoth: thothStack }, names },
    ...{ engineProblem, stateProblem, letta, thoth, containers },
    available: new Set(needs.filter(([, isThere]) => isThere).map(([need]) => need)),
    rows: async (sql, database) => (await psql(deps, names.postgres, sql, database)).map((line) => line.split("|")),
  };
}

const containersOf = (stack: { readonly containers: readonly string[] } | undefined) => stack?.containers ?? [];

async function problemOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The outputs, for a check that needs them. */
export function lettaOf({ letta }: Patient): LettaStack {
  if (letta === undefined) throw new Error("the letta stack has no outputs");
  return letta;
}

/** Letta on its own port, as the operator. */
export function serverOf(patient: Patient): LettaEndpoint {
  const { urls, serverPassword } = lettaOf(patient);
  return { url: urls.server, password: serverPassword };
}
