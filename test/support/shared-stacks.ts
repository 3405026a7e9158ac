import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, inject, vi } from "vitest";
import { isAlive } from "../../scripts/lib/process.ts";
import { stateFiles } from "./engine-objects.ts";
import { makeProject, type ProjectOptions, reserveSuffix, TestProject } from "./stacks.ts";

/**
 * One of the pairs of stacks that are up for all files, for the calling file alone until it ends. Call it at the top of
 * the file. A file that changes its pair brings it back to how it was.
 */
export function sharedStacks(): TestProject {
  const suffix = inject("testRun").pairs.find(claim);
  if (suffix === undefined) throw new Error("more files run at once than there are pairs of stacks");
  const project = new TestProject(suffix);
  const { up, failed, user } = stateFiles(suffix);
  beforeAll(async () => {
    await vi.waitUntil(() => existsSync(up) || existsSync(failed), { timeout: 1_800_000, interval: 100 });
    if (existsSync(failed)) throw new Error(`the shared stacks did not come up: ${readFileSync(failed, "utf8")}`);
  });
  afterAll(() => rmSync(user));
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => console.log(await project.recentLogs()));
  });
  return project;
}

/** Whether the calling process has this pair to itself now. */
function claim(suffix: string): boolean {
  const { user } = stateFiles(suffix);
  if (existsSync(user) && !isAlive(Number(readFileSync(user, "utf8")))) rmSync(user);
  try {
    writeFileSync(user, String(process.pid), { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

/** A project of the calling file alone, neither of whose stacks is up; it goes at the end of the run at the latest. */
export function ownProject(options: Omit<ProjectOptions, "owner"> = {}): Promise<TestProject> {
  return makeProject({ owner: inject("testRun").owner, ...options });
}

/** What the calling file puts in front of the names of its containers and volumes, which go at the end of the run. */
export function ownPrefix(): string {
  return `letta-t${reserveSuffix(inject("testRun").owner)}`;
}
