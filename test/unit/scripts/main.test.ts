import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { engineDown } from "../../support/container-state.ts";
import { fakePrograms } from "../../support/fake-programs.ts";
import { runMain } from "../../support/run-main.ts";

describe("the command line", () => {
  test.each([[["lett"]], [["letta", "strat"]], [["thoth", "stop", "--now"]]])(
    "%j is refused, with the help",
    (args) => {
      const { exitCode, stderr } = runMain(args);
      expect(exitCode).not.toBe(0);
      expect(stderr).toMatch(/^error: unknown (command|option)/);
      expect(stderr).toContain("Usage: thoth-letta");
    },
  );

  test("what the operator can fix is told without a stack", () => {
    fakePrograms({ docker: { version: engineDown } });
    expect(runMain(["letta", "start"])).toEqual({
      exitCode: 1,
      stdout: "",
      stderr:
        "error: the Docker engine does not answer\n  fix: start Docker, or let `make setup` install and start one\n",
    });
  });

  test("anything else is told with one, and redacted", () => {
    fakePrograms({ docker: { version: { exitCode: 1, stderr: "broken at tcp://user:s3cret@host\n" } } });
    const { exitCode, stderr } = runMain(["letta", "start"]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: Error: docker version: broken at tcp:\/\/user:\[redacted\]@host\n {4}at /);
  });
});

/** Every way to say an everyday command: `make letta-start`, the alias `letta-start`, and `thoth-letta letta start`. */
describe("everyday commands", () => {
  const read = (name: string) => readFileSync(join(root, name), "utf8");
  const everyday = [
    ...[
      "letta-start",
      "letta-stop",
      "letta-restart",
      "letta-upgrade",
      "letta-adopt",
      "letta-recover",
      "letta-reinit",
      "letta-status",
      "letta-logs",
      "letta-logs-pg",
    ],
    ...["thoth-start", "thoth-stop", "thoth-restart", "thoth-status", "thoth-logs"],
  ];
  const targets = new Map(
    [...read("Makefile").matchAll(/^([a-z-]+):.*##.*\n(?:\t@?\$\(RUN\) (.*)\n)?/gm)].map((match) => [
      match[1],
      match[2]?.replace(/ \$\(\w+\)/g, ""),
    ]),
  );
  const aliases = new Map(
    [...read("scripts/shell.sh").matchAll(/^alias ([a-z-]+)='(.*)'$/gm)].map((match) => [match[1], match[2]]),
  );
  const commandsOf = (...group: string[]) =>
    [...runMain([...group, "--help"]).stdout.matchAll(/^ {2}([a-z][a-z-]*)(?= |$)/gm)].map((match) => match[1]);

  test("are targets of make, and nothing else named after a stack is", () => {
    expect([...targets.keys()].filter((name) => /^(letta|thoth)-/.test(name ?? "")).sort()).toEqual(everyday.sort());
  });

  test("are aliases of the shell, and so is thoth-cd", () => {
    expect([...aliases.keys()].sort()).toEqual([...everyday, "thoth-cd"].sort());
  });

  test.each(everyday)("%s is the same as a target and as an alias", (name) => {
    expect(aliases.get(name)).toBe(`_thoth_letta ${targets.get(name)}`);
  });

  test("are what the groups letta and thoth have", () => {
    const names = ["letta", "thoth"].flatMap((group) =>
      commandsOf(group)
        // make projects, make project-add, make rotate, …
        .filter((name) => !["help", "projects", "rotate"].includes(name ?? ""))
        .map((name) => `${group}-${name}`),
    );
    expect(names.sort()).toEqual(everyday.filter((name) => name !== "letta-logs-pg").sort());
  });

  test("and all others that make runs are commands", () => {
    const others = [...targets.values()].filter((command) => command !== undefined && !command.includes(" "));
    expect(commandsOf()).toEqual(expect.arrayContaining(others));
    expect(others).toContain("up");
  });

  test("every target is listed as one that is no file", () => {
    const phony = /^\.PHONY: ((?:.*\\\n)*.*)$/m.exec(read("Makefile"))?.[1]?.split(/[\s\\]+/);
    expect(phony?.sort()).toEqual([...targets.keys()].sort());
  });
});
