import { describe, expect, test } from "vitest";
import { allCommands } from "../../support/all-commands.ts";
import { filesOf, pages, readPage } from "./pages.ts";

const { commands } = allCommands();

/** What texts claim of make: `make letta-stop YES=1` is target letta-stop and variable YES. Not English: make a, make sure. */
function claims(texts: readonly string[]): { readonly target: string; readonly variables: string[] }[] {
  const found = texts.flatMap((text) => [
    ...text.matchAll(/\bmake (?!a |an |sure |the |it )([a-z][a-z-]*)((?: [A-Z_]+=(?:'[^']*'|\S*))*)/g),
  ]);
  return found.map(([, target = "", rest = ""]) => ({
    target,
    variables: [...rest.matchAll(/([A-Z_]+)=/g)].map(([, name = ""]) => name),
  }));
}

/** Claims that no command keeps, each as it would be typed. */
function wrong(texts: readonly string[]): string[] {
  return claims(texts).flatMap(({ target, variables }) => {
    const members = commands.filter((command) => command.target === target);
    const known = new Set(members.flatMap((command) => command.variables.map(({ name }) => name)));
    if (members.length === 0) return [`make ${target}`];
    return variables.filter((name) => !known.has(name)).map((name) => `make ${target} ${name}=`);
  });
}

/** Code spans and code blocks of a page. */
const codeOf = (text: string) => [...text.matchAll(/`[^`\n]+`|^ {4}.*$/gm)].map(([code]) => code);
/** Strings of a program, line by line: what a message says is on one line. */
const stringsOf = (text: string) => [...text.matchAll(/(["'`]).*?\1/gm)].map(([code]) => code);

const sources = filesOf("scripts/*.ts", "infra/*.ts", "images/*.ts", "images/*.sh", "images/*.py", ".github", ".ci");

describe("targets and variables of make that are named exist", () => {
  test.each(pages)("in %s", (page) => {
    expect(wrong(codeOf(readPage(page)))).toEqual([]);
  });

  test.each(sources)("in the strings of %s", (file) => {
    expect(wrong(stringsOf(readPage(file)))).toEqual([]);
  });

  test("and one that does not is found", () => {
    const texts = ["`make restore-list`", "make letta-stop TO=1 YES=1", "make a backup, make restore AT='a b' NAME=x"];
    expect(wrong(texts)).toEqual(["make restore-list", "make letta-stop TO=", "make restore NAME="]);
  });
});

test("messages name what an operator types: make's variables, not flags", () => {
  const flags = commands.flatMap(({ variables }) => variables.flatMap(({ flag }) => flag ?? []));
  const isOurs = (text: string) => flags.some((flag) => new RegExp(`[a-z]{2} ${flag}\\b`).test(text));
  const named = filesOf("scripts/*.ts", ":!scripts/help").flatMap((file) =>
    stringsOf(readPage(file))
      .filter((text) => isOurs(text) && !/^.(pulumi|docker|cat|npm|vitest)/.test(text))
      .map((text) => `${file}: ${text}`),
  );
  expect(named).toEqual([]);
});
