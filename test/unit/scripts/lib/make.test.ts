import { describe, expect, test } from "vitest";
import { UserError } from "../../../../infra/lib/errors.ts";
import { makeArguments, typedText } from "../../../../scripts/lib/make.ts";
import { allCommands } from "../../../support/all-commands.ts";

const { commands } = allCommands();
const run = (target: string, ...assignments: string[]) => makeArguments(commands, target, assignments);

describe("make's variables", () => {
  test.each([
    ["letta-stop", [], ["letta", "stop"]],
    ["letta-stop", ["YES=1"], ["letta", "stop", "--yes"]],
    ["letta-stop", ["YES="], ["letta", "stop"]],
    ["adopt", ["VOLUME=-old"], ["adopt", "installation", "--from-volume=-old"]],
    ["project-add", ["NAME=notes"], ["letta", "projects", "add", "--", "notes"]],
    ["backup-import", ["KEY_FILE=a b", "FOLDER=c=d"], ["backup", "import", "--key-file=a b", "--", "c=d"]],
    ["letta-logs-pg", ["FOLLOW=1"], ["letta", "logs-pg", "--follow"]],
    ["restore", ["LATEST=1"], ["restore", "server", "--latest"]],
    ["restore", ["PROJECT=thoth", "AT=now"], ["restore", "project", "--at=now", "--", "thoth"]],
    ["restore", ["PROJECT=thoth", "TABLES=a"], ["restore", "tables", "--tables=a", "--", "thoth"]],
  ])("of %s %j are arguments and flags", (target, assignments, args) => {
    expect(run(target, ...assignments)).toEqual(args);
  });

  test.each([
    ["letta-stpo", [], "there is no target letta-stpo; did you mean letta-stop?"],
    ["letta-stp", [], "there is no target letta-stp; did you mean letta-stop?"],
    ["environment", [], "there is no target environment"],
    ["letta-stop", ["TO=1"], "make letta-stop does not take TO\n  fix: make letta-stop [LETTA_STACK=name] [YES=1]"],
    ["letta-stop", ["YES=0"], "YES=0 is not a valid switch"],
    ["project-add", [], "make project-add needs NAME=name"],
    ["restore", ["TABLES=a"], "make restore needs PROJECT=project"],
  ])("of %s %j are refused: %s", (target, assignments, message) => {
    expect(() => run(target, ...assignments)).toThrow(UserError);
    expect(() => run(target, ...assignments)).toThrow(message);
  });

  test("of a command as it was typed are shown ready to be pasted", () => {
    const [stop] = commands.filter(({ target }) => target === "letta-stop");
    expect(stop && typedText(stop, new Map([["LETTA_STACK", "it is"]]))).toBe("make letta-stop LETTA_STACK='it is'");
  });

  test("of commands that share a target tell which is meant", () => {
    const required = (path: readonly string[]) =>
      commands
        .find((command) => command.path === path)
        ?.variables.flatMap(({ name, isRequired }) => (isRequired ? name : []));
    const shared = Map.groupBy(commands, ({ target }) => target);
    for (const [target, members] of shared) {
      const keys = members.map(({ path }) => required(path)?.join());
      expect(new Set(keys).size, target).toBe(members.length);
    }
  });
});
