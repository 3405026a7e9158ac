import type { Outcome } from "../../scripts/upgrade/change.ts";
import type { TestProject } from "./stacks.ts";

/** Runs `letta upgrade` with these options. @returns its result, good or bad @throws with its output when there is none */
export async function upgradeOf(project: TestProject, args: readonly string[]): Promise<Outcome> {
  const { stdout, output } = await project.command(["letta", "upgrade", "--yes", "--json", ...args]);
  try {
    return JSON.parse(stdout) as Outcome;
  } catch {
    throw new Error(`letta upgrade gave no result:\n${output}`);
  }
}
