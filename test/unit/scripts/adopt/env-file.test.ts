import { join } from "node:path";
import { expect, test } from "vitest";
import { ignoredNames, thothEnvironment } from "../../../../infra/components/thoth-environment.ts";
import { fatesOfEnvFile } from "../../../../scripts/adopt/env-file.ts";
import { temporaryFiles } from "../../../support/temporary.ts";

const fatesOf = (text: string) => {
  const { fates, ignored } = fatesOfEnvFile(join(temporaryFiles({ ".env": text }), ".env"));
  return [...fates.map(({ name, fate, why }) => `${name}: ${fate}, ${why}`), ...ignored];
};

test("keys of providers are taken; what the stack has itself is not needed; other lines are told", () => {
  expect(fatesOf("OPENROUTER_API_KEY=k\nDATABASE_URL=postgresql://old\nnonsense\n")).toEqual([
    "DATABASE_URL: not needed, the project has its own database",
    "OPENROUTER_API_KEY: taken, with envFile",
    "line 3, which is not NAME=value",
  ]);
});

test("no value is shown", () => {
  expect(fatesOf("OPENROUTER_API_KEY=sk-secret").join("\n")).not.toContain("sk-secret");
});

test("what is not needed is what the stack sets itself", () => {
  const names = Object.keys(thothEnvironment("", "", true));
  const all = ["DATABASE_URL", "LETTA_API_KEY", "OPENROUTER_API_KEY", "TZ", ...names];
  const file = Object.fromEntries(all.map((name) => [name, "x"]));
  const told = fatesOf(all.map((name) => `${name}=x`).join("\n")).filter((line) => line.includes("not needed"));
  expect(told.map((line) => line.split(":")[0])).toEqual(ignoredNames(file, names).toSorted());
});
