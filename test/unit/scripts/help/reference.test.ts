import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { referenceFile, renderReference } from "../../../../scripts/help/reference.ts";
import { allCommands } from "../../../support/all-commands.ts";

test("docs/commands.md is what make docs writes", () => {
  expect(readFileSync(referenceFile, "utf8")).toBe(renderReference(allCommands().commands));
});
