import { type Command, Option } from "commander";
import { type Add, json, lettaStack, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { EnvironmentOptions } from "./env.ts";

const common = [lettaStack, yes];

/** Adds `letta projects …` and `letta rotate`. */
export function addProjectCommands(letta: Command, add: Add, deps: Deps): void {
  const projects = letta.command("projects").description("the applications that share the letta stack");
  letta.commandsGroup("Projects");
  projects.commandsGroup("Projects");
  add(
    projects,
    "list",
    "the projects: database, sessions, agents, last request",
    [lettaStack, json],
    async (options) =>
      (await import("./list.ts")).listProjects({ stack: options.lettaStack, json: options.json }, deps),
    "projects",
  );
  add(
    projects,
    "add <name>",
    "add a project: database, token, user in Letta; restarts nothing",
    common,
    async (options, name = "") =>
      (await import("./add.ts")).addProject({ stack: options.lettaStack, name, yes: options.yes }, deps),
    "project-add",
  );
  add<{ purge: boolean }>(
    projects,
    "remove <name>",
    "revoke a project's access and keep its data",
    [...common, new Option("--purge", "take a backup, then delete its data too").default(false)],
    async ({ lettaStack: stack, yes: isAgreed, purge }, name = "") =>
      (await import("./remove.ts")).removeProject({ stack, name, yes: isAgreed, purge }, deps),
    "project-remove",
  );
  add<Pick<EnvironmentOptions, "format" | "for" | "showSecrets" | "output">>(
    projects,
    "env <name>",
    "the settings a project's application needs",
    [
      ...common,
      new Option("--format <format>", "output format").choices(["env", "json", "compose"]).default("env"),
      new Option("--for <reader>", "where its reader runs").choices(["network", "host"]).default("network"),
      new Option("--show-secrets", "print the secrets").default(false),
      new Option("-o, --output <file>", "write it, secrets included, to a file that only you can read"),
    ],
    async ({ lettaStack: stack, yes: isAgreed, ...options }, name = "") =>
      (await import("./env.ts")).showEnvironment({ ...options, stack, name, yes: isAgreed }, deps),
    "project-env",
  );
  const finish = new Option("--finish", "revoke the old credentials").default(false);
  add<{ finish: boolean }>(
    projects,
    "rotate <name>",
    "issue new credentials; FINISH=1 revokes the old ones",
    [...common, finish],
    async ({ lettaStack: stack, yes: isAgreed, finish: isEnd }, name = "") =>
      (await import("./rotate.ts")).rotateProject({ stack, name, yes: isAgreed, finish: isEnd }, deps),
    "project-rotate",
  );
  add<{ finish: boolean }>(
    letta,
    "rotate",
    "new credentials for everything; FINISH=1 revokes the old ones",
    [...common, thothStack, finish],
    async ({ lettaStack: stack, thothStack: thoth, yes: isAgreed, finish: isEnd }) =>
      (await import("./rotate-all.ts")).rotateAll({ stack, thothStack: thoth, yes: isAgreed, finish: isEnd }, deps),
    "rotate",
  );
}
