import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ThothExports } from "../../infra/stacks/outputs.ts";

/** What the real Thoth needs in its vault and does not make when it starts. */
const needed = ["prompts", "templates", "analysis_schema.json", "settings.json"].map((name) => `thoth/_thoth/${name}`);

/** What a single user's vault lacks for the real Thoth, a line each with the command that makes it. */
export function vaultGaps({
  vault,
  isStandIn,
  isMultiUser,
}: Pick<ThothExports, "vault" | "isStandIn" | "isMultiUser">) {
  // The stand-in needs nothing, and Thoth makes its users' vaults itself.
  if (isStandIn || isMultiUser) return [];
  const missing = needed.filter((path) => !existsSync(join(vault, path)));
  if (missing.length > 0) return [`the vault has no ${missing.join(", no ")}: make thoth-setup MODEL=HANDLE`];
  if (agentModel(join(vault, "thoth/_thoth/settings.json"))) return [];
  return [
    "the vault's settings.json has no memory.letta.agentModel, so Thoth makes no agents: make thoth-setup MODEL=HANDLE",
  ];
}

/** True for settings that cannot be read too: Thoth reports them. */
function agentModel(file: string): boolean {
  try {
    const { memory } = JSON.parse(readFileSync(file, "utf8")) as { memory?: { letta?: { agentModel?: string } } };
    return Boolean(memory?.letta?.agentModel);
  } catch {
    return true;
  }
}
