import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { pages, readPage } from "./pages.ts";

/** The anchor that code hosts give a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");

const anchorsOf = (text: string) => [...text.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** The relative links of a page that lead nowhere. */
function brokenLinks(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(root, target))) return true;
    const targetText = target === page ? text : anchor === undefined ? "" : readPage(target);
    return anchor !== undefined && !anchorsOf(targetText).includes(anchor);
  });
}

describe("relative links and anchors lead somewhere", () => {
  test.each(pages)("in %s", (page) => {
    expect(brokenLinks(page, readPage(page))).toEqual([]);
  });

  test("and one that does not is found", () => {
    const text =
      "# A heading: `make up`\n[a](#a-heading-make-up) [b](#other) [c](no-such-page.md) [d](../README.md#no)";
    expect(brokenLinks("docs/figures.md", text)).toEqual(["#other", "no-such-page.md", "../README.md#no"]);
  });
});
