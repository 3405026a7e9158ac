import { type Command, Option } from "commander";
import { type Add, json, lettaStack, thothStack, yes } from "../lib/cli.ts";
import type { Deps } from "../lib/deps.ts";
import type { EnvironmentOptions } from "./env.ts";

const common = [lettaStack, yes];

/** Adds `letta projects …` and `letta rotate`. */
export function addProjectCommands(letta: Command, add: Add, deps: Deps): void {
  const projects = letta.command("projects").description("the applications that share the letta stack");
  add(projects, "list", "each project: database, sessions, agents, last request", [lettaStack, json], async (options) =>
    (await import("./list.ts")).listProjects({ stack: options.lettaStack, json: options.json }, deps),
  );
  add(
    projects,
    "add <name>",
    "a database, a token and a user in Letta; restarts nothing",
    common,
    async (options, name = "") =>
      (await import("./add.ts")).addProject({ stack: options.lettaStack, name, yes: options.yes }, deps),
  );
  add<{ purge: boolean }>(
    projects,
    "remove <name>",
    "keep a project out, and keep its data",
    [...common, new Option("--purge", "after a backup, drop its data too").default(false)],
    async ({ lettaStack: stack, yes: isAgreed, purge }, name = "") =>
      (await import("./remove.ts")).removeProject({ stack, name, yes: isAgreed, purge }, deps),
  );
  add<Pick<EnvironmentOptions, "format" | "for" | "showSecrets" | "output">>(
    projects,
    "env <name>",
    "what a project's application needs",
    [
      ...common,
      new Option("--format <format>", "how it is written").choices(["env", "json", "compose"]).default("env"),
      new Option("--for <reader>", "who reads it").choices(["network", "host"]).default("network"),
      new Option("--show-secrets", "print what is hidden").default(false),
      new Option("-o, --output <file>", "write it into a file for you alone, secrets included"),
    ],
    async ({ lettaStack: stack, yes: isAgreed, ...options }, name = "") =>
      (await import("./env.ts")).showEnvironment({ ...options, stack, name, yes: isAgreed }, deps),
  );
  const finish = new Option("--finish", "take the old credentials away").default(false);
  add<{ finish: boolean }>(
    projects,
    "rotate <name>",
    "new credentials beside the old ones, then without them",
    [...common, finish],
    async ({ lettaStack: stack, yes: isAgreed, finish: isEnd }, name = "") =>
      (await import("./rotate.ts")).rotateProject({ stack, name, yes: isAgreed, finish: isEnd }, deps),
  );
  add<{ finish: boolean }>(
    letta,
    "rotate",
    "new credentials for Letta, Thoth and every project, then without the old ones",
    [...common, thothStack, finish],
    async ({ lettaStack: stack, thothStack: thoth, yes: isAgreed, finish: isEnd }) =>
      (await import("./rotate-all.ts")).rotateAll({ stack, thothStack: thoth, yes: isAgreed, finish: isEnd }, deps),
  );
}
