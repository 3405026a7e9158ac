import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { troubleshootingFile, withChecks } from "../../../../scripts/doctor/troubleshooting.ts";
import { referenceFile, renderReference } from "../../../../scripts/help/reference.ts";
import { allCommands } from "../../../support/all-commands.ts";

test("docs/commands.md is what make docs writes", () => {
  expect(readFileSync(referenceFile, "utf8")).toBe(renderReference(allCommands().commands));
});

test("the checks in docs/troubleshooting.md are what make docs writes", () => {
  const page = readFileSync(troubleshootingFile, "utf8");
  expect(page).toContain("| `indexes` |");
  expect(withChecks(page)).toBe(page);
});
