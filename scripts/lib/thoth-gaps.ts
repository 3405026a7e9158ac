import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { thothReference } from "../../infra/config/thoth.ts";
import { remoteEngine } from "../../infra/lib/docker/host.ts";
import { lettaJson } from "../../infra/lib/letta/api.ts";
import type { ThothExports } from "../../infra/stacks/outputs.ts";
import type { Deps } from "./deps.ts";
import { readConfigFile } from "./stack-file.ts";
import { type LettaStack, projectEndpoint } from "./stacks.ts";

/** A thoth stack, what it exported, and the letta stack that it is on; undefined where that is gone. */
export interface ThothOnLetta {
  readonly stack: string;
  readonly thoth: Pick<ThothExports, "vault" | "isStandIn">;
  readonly letta: LettaStack | undefined;
}

/** What Thoth needs in its vault and does not make when it starts. */
const needed = ["prompts", "templates", "analysis_schema.json", "settings.json"].map((name) => `thoth/_thoth/${name}`);
/** The agent that users talk to; Thoth makes it when its API starts. */
const agentName = "thoth_main_orchestrator";

/**
 * What Thoth lacks to be of use though all its containers are healthy, a line each with the command that helps: parts of its
 * vault, and its agents. The stand-in lacks nothing.
 */
export async function thothGaps(place: ThothOnLetta, deps: Pick<Deps, "projectDirectory">): Promise<string[]> {
  const { thoth } = place;
  if (thoth.isStandIn) return [];
  // The vault is on that host.
  const engine = remoteEngine();
  if (engine !== undefined) {
    return (await hasAgents(place, deps))
      ? []
      : [`Thoth has made no agents: make thoth-status on ${engine}, which has the vault, says why`];
  }
  const missing = needed.filter((path) => !isThere(join(thoth.vault, path)));
  if (missing.length > 0) return [`the vault has no ${missing.join(", no ")}: make thoth-setup MODEL=HANDLE`];
  const model = agentModel(join(thoth.vault, "thoth/_thoth/settings.json"));
  if (model === "") {
    return [
      "the vault's settings.json has no memory.letta.agentModel, so Thoth makes no agents: make thoth-setup MODEL=HANDLE",
    ];
  }
  if (await hasAgents(place, deps)) return [];
  const named = model === undefined ? "settings.json cannot be read" : `settings.json names ${model}`;
  return [
    `Thoth has made no agents, and the vault's ${named}: make models, then make thoth-setup MODEL=HANDLE, then make thoth-restart`,
  ];
}

/** An empty folder does not count: Thoth makes such. */
function isThere(path: string): boolean {
  return existsSync(path) && (!statSync(path).isDirectory() || readdirSync(path).length > 0);
}

/** Undefined for settings that cannot be read. */
function agentModel(file: string): string | undefined {
  try {
    const { memory } = JSON.parse(readFileSync(file, "utf8")) as { memory?: { letta?: { agentModel?: string } } };
    return memory?.letta?.agentModel ?? "";
  } catch {
    return undefined;
  }
}

/** True when Letta cannot be asked too: its own status tells that. */
async function hasAgents({ stack, letta }: ThothOnLetta, deps: Pick<Deps, "projectDirectory">): Promise<boolean> {
  const { project } = thothReference.parse(readConfigFile(deps, stack));
  if (letta?.projects[project] === undefined) return true;
  const path = `/v1/agents/?name=${agentName}&limit=1`;
  const options = { timeoutSeconds: 5 };
  const found = lettaJson<unknown[]>(projectEndpoint(letta, project), "GET", path, undefined, options);
  return found.then(
    (agents) => agents.length > 0,
    () => true,
  );
}
