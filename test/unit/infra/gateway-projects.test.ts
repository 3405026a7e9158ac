import { expect, test } from "vitest";
import { renderGatewayProjects } from "../../../infra/lib/gateway/projects.ts";

test("the projects' file has another version when anything in it changes: a reload waits for it", () => {
  const projects = [
    { name: "thoth", tokens: ["NEW", "OLD"], user: "user-1" },
    { name: "notes", tokens: ["NOTES"], user: "user-2" },
  ];
  const version = (...args: Parameters<typeof renderGatewayProjects>) =>
    /projects_version \{\n {2}default "(\w+)";/.exec(renderGatewayProjects(...args))?.[1];
  const versions = [version(projects, "a"), version(projects, "b"), version(projects.slice(1), "a"), version([], "a")];
  expect(new Set(versions).size).toBe(4);
  expect(version(projects, "a")).toBe(versions[0]);
});
