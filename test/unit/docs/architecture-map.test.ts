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

/** Every folder with sources or a Dockerfile in it, or in its folders. */
function foldersOfTree(): string[] {
  const kinds = ["*.ts", "*.py", "*.sh", "*/Dockerfile"];
  const sources = ["infra", "scripts", "images", "examples"].flatMap((top) => kinds.map((kind) => `${top}/${kind}`));
  const folders = new Set<string>();
  for (const file of filesOf(...sources)) {
    for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}

test("the map of the code in docs/architecture.md is the tree", () => {
  const page = readPage("docs/architecture.md");
  const inScope = foldersOfMap(page, "The map of the code").filter((path) =>
    /^(infra|scripts|images|examples)\b/.test(path),
  );
  expect(inScope.toSorted()).toEqual(foldersOfTree().toSorted());
});

/** Feature of scripts -> the features it may import, by the rules of dependency-cruiser. */
async function featuresOfRules(): Promise<[string, string[]][]> {
  const file = new URL("../../../scripts/develop/dependencies.mjs", import.meta.url);
  const { forbidden } = (await import(file.href)).default as {
    forbidden: { name: string; to: { pathNot?: string[] } }[];
  };
  return forbidden.flatMap(({ name, to }) => {
    const feature = /^scripts-(\w+)$/.exec(name)?.[1];
    if (feature === undefined || feature === "lib") return [];
    const folders = (to.pathNot ?? []).flatMap((path) => /^\^scripts\/(\w+)\/$/.exec(path)?.[1] ?? []);
    const others = folders.filter((folder) => folder !== feature && folder !== "lib");
    return others.length === 0 ? [] : [[feature, others.sort()]];
  });
}

test("its arrows between features are the rules", async () => {
  const lines = readPage("docs/architecture.md").matchAll(/^ {4}(\w+) → (\w+(?:, \w+)*)$/gm);
  const drawn = [...lines].map(([, from = "", to = ""]) => [from, to.split(", ").sort()]);
  expect(Object.fromEntries(drawn)).toEqual(Object.fromEntries(await featuresOfRules()));
});
