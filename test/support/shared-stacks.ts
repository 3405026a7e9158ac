import { beforeEach, inject } from "vitest";
import { makeProject, type ProjectOptions, TestProject } from "./stacks.ts";

/** The stacks that are up for all files; a file that changes them brings them back. */
export function sharedStacks(): TestProject {
  const project = new TestProject(inject("sharedStacks").suffix);
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => console.log(await project.recentLogs()));
  });
  return project;
}

/** A project of the calling file's own, neither of whose stacks is up; it goes at the end of the run at the latest. */
export function ownProject(options: Omit<ProjectOptions, "owner"> = {}): Promise<TestProject> {
  return makeProject({ owner: inject("sharedStacks").owner, ...options });
}
