import type { UpgradeResult } from "../../scripts/upgrade/conclude.ts";
import type { TestProject } from "./stacks.ts";

/** Runs `letta upgrade` with these options. @returns its result, good or bad @throws with all that it said when it prints none */
export async function upgradeOf(project: TestProject, args: readonly string[]): Promise<UpgradeResult> {
  const { stdout, output } = await project.command(["letta", "upgrade", "--yes", "--json", ...args]);
  try {
    return JSON.parse(stdout) as UpgradeResult;
  } catch {
    throw new Error(`letta upgrade printed no result:\n${output}`);
  }
}
