import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseLettaConfig } from "../../../infra/config/letta.ts";
import type { RawConfig } from "../../../infra/config/read.ts";
import { parseThothConfig } from "../../../infra/config/thoth.ts";
import { root } from "../../../scripts/lib/checkout.ts";
import { filesOf, pages, readPage } from "./pages.ts";

/** Paths of the checkout that a text names in backticks. */
const pathsIn = (text: string) =>
  [...text.matchAll(/`((?:infra|scripts|images|offline|test|docs)\/[\w./-]+)`/g)].map(([, path = ""]) => path);

test.each(pages)("%s names files that exist", (page) => {
  expect(pathsIn(readPage(page)).filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

const parsers = {
  letta: (raw: RawConfig) => parseLettaConfig(raw, "letta"),
  thoth: (raw: RawConfig) => parseThothConfig(raw, "thoth", root),
};
type Kind = keyof typeof parsers;

const nested = (key: string, value: unknown) =>
  key.split(".").reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as RawConfig;

/** Whether a stack's config may have the key `a.b.c`, whatever its value must be. */
function isKey(kind: Kind, key: string): boolean {
  const offsite = /^backup\.offsite\.(\w+)$/.exec(key)?.[1];
  const candidates =
    offsite === undefined
      ? [nested(key, null)]
      : ["sftp", "s3"].map((type) => nested("backup.offsite", { [offsite]: null, type }));
  return candidates.some((raw) => {
    try {
      parsers[kind](raw);
    } catch (error) {
      // The advice for a key that does not exist, or has another name now.
      return !(error as Error).message.includes("pulumi config rm");
    }
    return true;
  });
}

/** Keys in the first column of the tables below a heading; `.b` after `a.c` is `a.b`, and `a.<x, y>` is `a.x` and `a.y`. */
function keysOfTable(heading: string): string[] {
  const page = readPage("docs/configuration.md");
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const cells = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = ""]) => cell);
  return cells.flatMap((cell) => {
    let before = "";
    return [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = ""]) => {
      before = name.startsWith(".") ? before.replace(/\.[^.]*$/, name) : name;
      const [start, names] = before.split(/[<>]/);
      return names === undefined
        ? [before]
        : names.split(", ").map((each) => `${start}${each.replace("project", "thoth")}`);
    });
  });
}

describe("docs/configuration.md", () => {
  const kinds: Kind[] = ["letta", "thoth"];
  const documented = { letta: keysOfTable("Stacks of kind letta"), thoth: keysOfTable("Stacks of kind thoth") };

  test.each(kinds)("has only keys of %s that exist", (kind) => {
    const keys = documented[kind].filter((key) => !["sftp", "s3"].includes(key));
    expect(keys.length).toBeGreaterThan(10);
    expect(keys.filter((key) => !isKey(kind, key))).toEqual([]);
  });

  test.each(kinds)("has every key of %s", (kind) => {
    const missing = Object.keys(parsers[kind]({})).filter(
      (key) => !documented[kind].some((known) => known === key || known.startsWith(`${key}.`)),
    );
    expect(missing).toEqual([]);
  });

  test("a key that does not exist is found", () => {
    const keys = ["ports.gateway", "ports.proxy", "ports.sse", "backup.offsite.host", "backup.offsite.nas"];
    expect(keys.filter((key) => isKey("letta", key))).toEqual(["ports.gateway", "backup.offsite.host"]);
  });
});

/** Not in examples: their Pulumi programs have other keys. */
test.each(pages.filter((page) => !page.startsWith("examples/")))("%s sets config keys that exist", (page) => {
  const text = readPage(page);
  const found = text.matchAll(/pulumi config set (?:--\w+ )*'?(?:thoth-letta:)?([\w.]+)|`thoth-letta:([\w.]+)`/g);
  const keys = [...found].map(([, set, named]) => String(set ?? named));
  expect(keys.filter((key) => !isKey("letta", key) && !isKey("thoth", key))).toEqual([]);
});

/** Of Pulumi and rclone. */
const foreignMessages = ["Preview failed:", "is protected", "waiting: no model configured"];

test("messages that docs explain are messages of the code", () => {
  const sources = filesOf("infra/*", "scripts/*", "images/*").map(readPage).join("\n");
  const redRows = readPage("docs/operations.md").split("\n## What red means\n")[1] ?? "";
  const cells = [...`${readPage("docs/troubleshooting.md")}\n${redRows}`.matchAll(/^\| (?:Thoth: )?`([^`]+)`/gm)];
  const parts = cells.flatMap(([, message = ""]) =>
    message
      .replace(/^REFUSED: /, "")
      .replaceAll("\\|", "|")
      .split("…"),
  );
  const texts = parts.map((text) => text.trim()).filter((text) => text.length > 5 && !foreignMessages.includes(text));
  expect(texts.length).toBeGreaterThan(15);
  expect(texts.filter((text) => !sources.includes(text))).toEqual([]);
});
