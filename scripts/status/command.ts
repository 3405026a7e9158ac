import type { Deps } from "../lib/deps.ts";
import { drawTable, formatDuration } from "../lib/format.ts";
import { readLetta, readThoth } from "../lib/stacks.ts";
import { collectLetta, collectThoth, type StackStatus } from "./collect.ts";
import type { ServiceStatus } from "./service.ts";

export interface StatusOptions {
  readonly lettaStack: string;
  readonly thothStack: string;
  /** `thoth`: both stacks too, Thoth first. */
  readonly scope: "all" | "letta" | "thoth";
  /** One JSON object instead of tables. */
  readonly json: boolean;
}

/** Shows what runs and how it is; exit code 0 only when all of it is healthy. */
export async function status(options: StatusOptions, deps: Deps): Promise<number> {
  const stacks = await collectAll(options, deps);
  const isHealthy = stacks.every((stack) => stack.isHealthy);
  if (options.json) deps.print(JSON.stringify({ healthy: isHealthy, stacks }, undefined, 2));
  else for (const stack of stacks) for (const line of render(stack)) deps.print(line);
  return isHealthy ? 0 : 1;
}

/** The stacks that the options name, in the order in which they are shown. */
export async function collectAll(options: StatusOptions, deps: Deps): Promise<StackStatus[]> {
  const { lettaStack, thothStack, scope } = options;
  const [letta, thoth] = await Promise.all([
    readLetta(deps, lettaStack),
    scope === "letta" ? undefined : readThoth(deps, thothStack),
  ]);
  const stacks: StackStatus[] = await Promise.all([
    collectLetta(deps, lettaStack, letta),
    ...(scope === "letta" ? [] : [collectThoth(deps, thothStack, thoth, letta)]),
  ]);
  // Thoth is as healthy as the Letta it stands on, so both count.
  if (scope === "thoth") stacks.reverse();
  return stacks;
}

const head = ["service", "state", "health", "up", "version", "address"];
/** What a narrow terminal does without, first to last. */
const expendable = ["version", "address", "up", "state"];

/** One stack as lines for a terminal. @param columns of it; default: as many as it takes */
export function render(stack: StackStatus, columns = Number.POSITIVE_INFINITY): string[] {
  return [
    `stack ${stack.name}: ${stack.isHealthy ? "healthy" : "NOT healthy"}`,
    ...(stack.services.length === 0 ? [] : table(stack.services, columns)),
    ...stack.notes.map((note) => `  ${note}`),
    "",
  ];
}

function table(services: readonly ServiceStatus[], columns: number): string[] {
  for (let dropped = 0; ; dropped += 1) {
    const kept = (_: string, index: number) => !expendable.slice(0, dropped).includes(head[index] as string);
    const lines = drawTable(
      head.filter(kept),
      services.flatMap(rows).map((cells) => cells.filter(kept)),
    );
    if ((lines[0] as string).length <= columns || dropped === expendable.length) return lines;
  }
}

/** Its row, and one below it for each role in it. */
function rows({ roles = [], ...service }: ServiceStatus): string[][] {
  return [
    [
      service.name,
      service.state,
      service.health,
      service.uptimeSeconds === null ? "-" : formatDuration(service.uptimeSeconds),
      service.version ?? "-",
      service.url ?? "-",
    ],
    ...roles.map(({ name, state, health, url }) => [`  ${name}`, state, health, "", "", url ?? "-"]),
  ];
}
