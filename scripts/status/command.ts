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
  const isHealthy = stacks.every((stack) => stack.isHealthy);
  if (options.json) deps.print(JSON.stringify({ healthy: isHealthy, stacks }, undefined, 2));
  else for (const stack of stacks) for (const line of render(stack)) deps.print(line);
  return isHealthy ? 0 : 1;
}

/** One stack as lines for a terminal. */
export function render(stack: StackStatus): string[] {
  const head = ["service", "state", "health", "up", "version", "address"];
  return [
    `stack ${stack.name}: ${stack.isHealthy ? "healthy" : "NOT healthy"}`,
    ...(stack.services.length === 0 ? [] : drawTable(head, stack.services.flatMap(rows))),
    ...stack.notes.map((note) => `  ${note}`),
    "",
  ];
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
