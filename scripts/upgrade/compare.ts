import type { AgentRecord, Inventory } from "./inventory.ts";

/** Tables that the server writes by itself when it starts or is probed; a user's data is in all others. */
const ownTables = new Set([
  "alembic_version",
  "block_history",
  "jobs",
  "mcp_tools",
  "organizations",
  "prompts",
  "provider_models",
  "provider_trace_metadata",
  "provider_traces",
  "providers",
  "run_metrics",
  "runs",
  "sandbox_configs",
  "step_metrics",
  "steps",
  "tools",
  "users",
]);

/**
 * What is not as it was, one line each for a person; empty when no agent, no word and no row of a user is gone or changed.
 *
 * @param exact also the tables that a server writes by itself: nothing but a migration has been at work
 */
export function differences(before: Inventory, after: Inventory, { exact }: { exact: boolean }): string[] {
  return [...rowDifferences(before, after, exact), ...agentDifferences(before.agents, after.agents)];
}

function rowDifferences(before: Inventory, after: Inventory, exact: boolean): string[] {
  return Object.entries(before.rows).flatMap(([table, count]) => {
    const now = after.rows[table];
    if (now === undefined) return count === 0 ? [] : [`table ${table}: gone, with ${count} rows`];
    const isFine = now === count || (!exact && ownTables.has(table.slice(table.indexOf(".") + 1)));
    return isFine ? [] : [`table ${table}: ${count} rows before, ${now} after`];
  });
}

function agentDifferences(before: readonly AgentRecord[], after: readonly AgentRecord[]): string[] {
  const [old, now] = [before, after].map((agents) => new Map(agents.map((agent) => [agent.id, agent])));
  const lost = before.filter(({ id }) => !now?.has(id)).map((agent) => `${nameOf(agent)}: gone`);
  const added = after.filter(({ id }) => !old?.has(id)).map((agent) => `${nameOf(agent)}: was not there before`);
  const changed = before.flatMap((agent) => {
    const other = now?.get(agent.id);
    return other === undefined ? [] : changesOf(agent, other);
  });
  return [...lost, ...added, ...changed];
}

const counted = ["messages", "blocks", "passages", "tools"] as const;

function changesOf(before: AgentRecord, after: AgentRecord): string[] {
  const counts = counted
    .filter((what) => before[what] !== after[what])
    .map((what) => `${nameOf(before)}: ${before[what]} ${what} before, ${after[what]} after`);
  if (counts.length > 0 || before.checksum === after.checksum) return counts;
  return [
    `${nameOf(before)}: its texts are not what they were (checksum ${before.checksum} before, ${after.checksum} after)`,
  ];
}

const nameOf = ({ id, name }: AgentRecord) => `agent ${name ?? ""} (${id})`;

/** How many of the agents that were to be seen are hidden now: Letta 0.16.7 hides those tagged as another's helpers. */
export function newlyHidden(before: Inventory, after: Inventory): number {
  const hidden = new Set(after.agents.filter(({ isHidden }) => isHidden).map(({ id }) => id));
  return before.agents.filter(({ id, isHidden }) => !isHidden && hidden.has(id)).length;
}

/** What one inventory holds, as a line for a person. */
export function summary({ agents, rows }: Inventory): string {
  const sum = (what: (typeof counted)[number]) => agents.reduce((total, agent) => total + agent[what], 0);
  const all = Object.values(rows).reduce((total, count) => total + count, 0);
  return `${agents.length} agents with ${sum("messages")} messages, ${sum("blocks")} blocks and ${sum("passages")} passages; ${all} rows in ${Object.keys(rows).length} tables`;
}
