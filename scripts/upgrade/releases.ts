/** What an operator should know of a release of Letta before the step to it. */
export interface Release {
  readonly version: string;
  readonly notes: readonly string[];
}

/**
 * Letta's releases since 0.16.0, oldest first; 0.16.8 is the last one. From any of them to any later one is one step:
 * Letta's migrations run in a row, and none needs a server of a version between to have run.
 */
export const releases: readonly Release[] = [
  { version: "0.16.0", notes: [] },
  { version: "0.16.1", notes: ["needs Postgres 15 or newer (UNIQUE NULLS NOT DISTINCT)"] },
  { version: "0.16.2", notes: ["conversations"] },
  { version: "0.16.3", notes: [] },
  { version: "0.16.4", notes: ["MCP servers over stdio are off by default"] },
  { version: "0.16.5", notes: ["model overrides of conversations"] },
  { version: "0.16.6", notes: ["no change of the schema"] },
  {
    version: "0.16.7",
    notes: [
      "agents tagged role:subagent are hidden from lists",
      "MCP servers on private addresses are refused, but for those in mcpHosts",
      "default context window 128000 instead of 32000 tokens; contextWindowLimit says otherwise",
    ],
  },
  {
    version: "0.16.8",
    notes: ["security: results of tools are read as JSON, no longer unpickled", "no change of the schema"],
  },
];

/** The releases after `from`, up to and with `to`; those that are not known count as themselves. */
export function hops(from: string, to: string): Release[] {
  const index = (version: string) => releases.findIndex((release) => release.version === version);
  const [first, last] = [index(from), index(to)];
  if (first === -1 || last <= first) return [{ version: to, notes: releases[last]?.notes ?? [] }];
  return releases.slice(first + 1, last + 1);
}
