import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";

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
  const options = { cwd: root, encoding: "utf8" } as const;
  const sources = ["infra", "scripts", "images"].flatMap((top) => [`${top}/*.ts`, `${top}/*.py`, `${top}/*.sh`]);
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...sources], options);
  const folders = new Set<string>();
  for (const file of files.split("\n")) {
    for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}

test("the map of the code in docs/architecture.md is the tree", () => {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
  const inScope = foldersOfMap(page, "The map of the code").filter((path) => /^(infra|scripts|images)\b/.test(path));
  expect(inScope.toSorted()).toEqual(foldersOfTree().toSorted());
});
