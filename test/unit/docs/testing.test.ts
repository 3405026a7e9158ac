import { globSync } from "node:fs";
import { expect, test } from "vitest";
import { root } from "../../../scripts/lib/checkout.ts";
import { readPage } from "./pages.ts";

const [unit = [], engine = [], chaos = []] = [2, 3, 4].map(namesInColumn);
const filesIn = (folder: string) =>
  globSync(`test/${folder}/**/*.test.ts`, { cwd: root }).map((file) =>
    file.replace(`test/${folder}/`, "").replace(".test.ts", ""),
  );

/** The names in one column of docs/testing.md's table of properties. */
function namesInColumn(column: number): string[] {
  const text = readPage("docs/testing.md");
  const rows = text.slice(text.indexOf("| property |")).split("\n").slice(2);
  const cells = rows.filter((row) => row.startsWith("|")).map((row) => row.split("|")[column] ?? "");
  return cells.flatMap((cell) => cell.replace(/\(.*?\)/g, "").split(",")).flatMap((name) => name.trim() || []);
}

test("every integration and chaos test is named in the table of docs/testing.md, and no other", () => {
  expect([...new Set(engine)].sort()).toEqual(filesIn("integration").sort());
  expect([...new Set(chaos)].sort()).toEqual(filesIn("chaos").sort());
});

test("every unit test named there exists", () => {
  const files = filesIn("unit");
  const missing = unit.filter((name) =>
    name.startsWith("test/unit/")
      ? !files.some((file) => `test/unit/${file}`.startsWith(`${name}/`))
      : !files.some((file) => `/${file}`.endsWith(`/${name}`)),
  );
  expect(missing).toEqual([]);
});
