import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { temporaryFolder } from "../../support/temporary.ts";

test("page and login are a file each that loads nothing", () => {
  const folder = temporaryFolder();
  execFileSync(process.execPath, ["build.mjs", folder], { cwd: join(root, "images/page") });
  for (const name of ["page", "login"]) {
    const html = readFileSync(join(folder, `${name}.html`), "utf8");
    expect(html.match(/<(script|style)>[^<]/g)?.length, name).toBe(name === "page" ? 2 : 1);
    expect(html, name).not.toMatch(/\ssrc=|<link (?!rel="icon" href="data:,")|@import|url\(/);
  }
});
