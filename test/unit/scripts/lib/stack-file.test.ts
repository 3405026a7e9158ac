import { expect, test } from "vitest";
import { readConfigFile } from "../../../../scripts/lib/stack-file.ts";
import { temporaryFiles, temporaryFolder } from "../../../support/temporary.ts";

const read = (text: string) =>
  readConfigFile({ projectDirectory: temporaryFiles({ "Pulumi.letta.yaml": text }) }, "letta");

test("reads this project's keys, without the namespace", () => {
  const text = "config:\n  aws:region: x\n  thoth-letta:prefix: a\n  thoth-letta:ports:\n    sse: 1\n";
  expect(read(text)).toEqual({ prefix: "a", ports: { sse: 1 } });
});

test.each([
  ["empty", ""],
  ["a comment", "# nothing yet\n"],
  ["without config", "encryptionsalt: v1:abc\n"],
  ["with an empty config", "config:\n"],
])("a file that is %s has no keys", (_, text) => {
  expect(read(text)).toEqual({});
});

test("a stack without a file has no keys", () => {
  expect(readConfigFile({ projectDirectory: temporaryFolder() }, "letta")).toEqual({});
});
