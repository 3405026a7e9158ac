import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { filesOf, readPage } from "./pages.ts";

/** Folders of the indented tree below this heading: a name that ends in a slash, then what is in it. */
function foldersOfMap(page: string, heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const parents: { readonly indent: number; readonly path: string }[] = [];
  return [...section.matchAll(/^( {4,})([\w./-]+)\/(?: .*)?$/gm)].map(([, spaces = "", name = ""]) => {
    while ((parents.at(-1)?.indent ?? -1) >= spaces.length) parents.pop();
    const path = join(parents.at(-1)?.path ?? "", name);
    parents.push({ indent: spaces.length, path });
    return path;
  });
}

/** Every folder with sources of its own, or with such folders in it. */
function foldersOfTree(): string[] {
  const sources = ["infra", "scripts", "images"].flatMap((top) => [`${top}/*.ts`, `${top}/*.py`, `${top}/*.sh`]);
  const folders = new Set<string>();
  for (const file of filesOf(...sources)) {
    for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}

test("the map of the code in docs/architecture.md is the tree", () => {
  const page = readPage("docs/architecture.md");
  const inScope = foldersOfMap(page, "The map of the code").filter((path) => /^(infra|scripts|images)\b/.test(path));
  expect(inScope.toSorted()).toEqual(foldersOfTree().toSorted());
});
