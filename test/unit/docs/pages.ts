import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../../scripts/lib/checkout.ts";

/** Files of the checkout that match, tracked or about to be, as paths relative to it. */
export function filesOf(...patterns: string[]): string[] {
  const options = { cwd: root, encoding: "utf8" } as const;
  const names = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...patterns], options);
  return names.split("\n").filter((path) => path !== "" && existsSync(join(root, path)));
}

/** All Markdown pages. */
export const pages = filesOf("*.md");

export const readPage = (page: string) => readFileSync(join(root, page), "utf8");
